//! What is done to a gateway as a whole: its configuration, and crowds before its doors.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::crowd::{flood, read_slowly};
use crate::gateway::{Gateway, PATIENCE};
use crate::house::House;
use crate::table::{Kind, Table};

impl House {
    /// What is done to the gateway as a whole.
    pub(crate) async fn trouble(
        &mut self,
        table: &RefCell<Table>,
        until: Instant,
        end: &CancellationToken,
    ) {
        let mut slow = 0;
        loop {
            let pause = self.chance.pause(2_000, 6_000);
            tokio::time::sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
            if Instant::now() + Duration::from_secs(2) >= until {
                return;
            }
            let number = self.chance.below(self.channels.len() as u64) as usize;
            let channel = self.channels[number].id;
            let since = Instant::now();
            let kind = match self.chance.below(8) {
                0 | 1 => Kind::ConfigurationEdited,
                2 | 3 => Kind::ConfigurationBroken,
                // One crowd of them a round: they stay.
                4 | 5 if slow < 1 => Kind::SlowReaders,
                _ => Kind::Flood,
            };
            table.borrow_mut().injected(kind);
            match kind {
                Kind::ConfigurationEdited => self.edit().await,
                Kind::ConfigurationBroken => self.break_configuration().await,
                Kind::SlowReaders => {
                    slow += 1;
                    let address = self.gateway.address.clone();
                    let reading = read_slowly(address, channel.into(), end.clone());
                    tokio::task::spawn_local(reading);
                }
                _ => flood(&self.gateway.address, channel).await,
            }
            // Whatever it was, the gateway goes on answering.
            assert_eq!(self.gateway.client().get("/healthz").await.status, 200);
            table.borrow_mut().recovered(kind, since.elapsed());
        }
    }

    /// Another channel, another name for what is there: nobody who watches notices.
    async fn edit(&mut self) {
        let number = self.chance.below(1_000_000);
        let more = format!("\n[[channel]]\nid = \"more{number}\"\nsource = \"testcard:\"\n");
        self.write(&format!("{}{more}", self.text));
        let path = format!("/api/v1/channels/more{number}");
        self.until("the new channel", &path, |status, _| status == 200)
            .await;
    }

    /// Half of a file, then the whole one again.
    async fn break_configuration(&mut self) {
        let half = self.text.len() / 2;
        self.write(&format!("{}\n[[[", &self.text[..half]));
        let refused = |text: &str| {
            let config: serde_json::Value = serde_json::from_str(text).unwrap();
            !config["last_error"].is_null()
        };
        let failed = |_: u16, text: &str| refused(text);
        self.until("the refusal", "/api/v1/config", failed).await;
        self.write(&self.text);
        let mended = |_: u16, text: &str| !refused(text);
        self.until("the mended one", "/api/v1/config", mended).await;
    }

    fn write(&self, channels: &str) {
        let fresh = self.gateway.folder.path().join("channels.new");
        std::fs::write(&fresh, Gateway::text(channels, self.gateway.folder.path())).unwrap();
        std::fs::rename(fresh, self.gateway.folder.path().join("channels.toml")).unwrap();
    }

    pub(crate) async fn until(&self, what: &str, path: &str, wanted: impl Fn(u16, &str) -> bool) {
        let since = Instant::now();
        loop {
            let answer = self.gateway.client().get(path).await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            if wanted(answer.status.as_u16(), &text) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{what} did not come: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
