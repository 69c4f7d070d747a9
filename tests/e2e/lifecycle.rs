//! One encoder for everybody, none for nobody.

use std::time::Duration;

use crate::crawl::Crawl;
use crate::gateway::Gateway;
use crate::truth::CARD;

#[tokio::test]
async fn ten_more_viewers_cost_no_second_encoder_and_the_last_takes_it_along() {
    let gateway = Gateway::start(&format!("[defaults]\ngrace_period = \"1s\"\n{CARD}"));
    assert_eq!(gateway.encoders(), [] as [u32; 0], "nobody watches");
    // All at once: whoever comes first starts the encoder.
    let mut viewers = Vec::new();
    for number in 0..11 {
        let client = gateway.client().named(&format!("viewer {number}"));
        viewers.push(tokio::spawn(async move {
            let list = client.get("/live/card/index.m3u8").await;
            assert_eq!(list.status, 200);
            let crawl = Crawl::new(client, "/live/card/hi/".into());
            crawl
                .run(std::time::Instant::now() + Duration::from_secs(5))
                .await
        }));
    }
    let mut seen = Vec::new();
    while !viewers.iter().all(tokio::task::JoinHandle::is_finished) {
        seen.extend(gateway.encoders());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for viewer in viewers {
        assert!(viewer.await.unwrap().segments().count() > 1);
    }
    seen.dedup();
    assert_eq!(
        seen.len(),
        1,
        "one encoder from the first viewer to the last: {seen:?}"
    );
    let session = gateway.session().await;
    assert_eq!(session["viewers"], 11, "{session}");
    assert_eq!(session["error_count"], 0, "{session}");
    println!(
        "cold start: first part after {} ms",
        session["first_part_ms"]
    );
    let left = gateway.childless().await;
    println!("the encoder was gone {left:?} after the last request");
    // Nothing of the session is left to see, and the next viewer finds a channel as new.
    assert_eq!(
        gateway.client().get("/live/card/index.m3u8").await.status,
        200
    );
    assert_eq!(gateway.encoders().len(), 1);
}
