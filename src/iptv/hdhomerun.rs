//! A network tuner as Plex, Emby, Jellyfin and Channels DVR know it: the documents of an HDHomeRun.
//!
//! The model is one without a transcoder: for one with, Jellyfin offers profiles that would have to be served.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde_json::{Value, json};

use super::lineup::Lineup;
use super::xmltv::escape;
use crate::config::HdHomeRunSpec;

const MODEL: &str = "HDHR5-4US";
const FIRMWARE: &str = "hdhomerun5_atsc";
const FIRMWARE_VERSION: &str = "20190621";
const MANUFACTURER: &str = "Silicondust";

/// Who the tuner is.
#[derive(Debug, Clone, Copy)]
pub struct Device<'a> {
    /// Fits its checksum.
    pub id: u32,
    /// For people.
    pub name: &'a str,
    /// How many streams at a time.
    pub tuners: usize,
    /// Where the gateway is found.
    pub base: &'a str,
}

// === impl Device ===

impl Device<'_> {
    /// `/discover.json`
    pub fn discover(&self) -> Value {
        json!({
            "FriendlyName": self.name,
            "Manufacturer": MANUFACTURER,
            "ModelNumber": MODEL,
            "FirmwareName": FIRMWARE,
            "FirmwareVersion": FIRMWARE_VERSION,
            "DeviceID": format!("{:08X}", self.id),
            "DeviceAuth": "headgate",
            "BaseURL": self.base,
            "LineupURL": format!("{}/lineup.json", self.base),
            "TunerCount": self.tuners,
        })
    }

    /// `/lineup.json`
    pub fn lineup(&self, lineup: &Lineup) -> Value {
        let all = lineup.entries().iter().map(|entry| {
            json!({
                "GuideNumber": entry.number.to_string(),
                "GuideName": entry.spec.name,
                "VideoCodec": "H264",
                "AudioCodec": "AAC",
                "HD": 1,
                "Favorite": 0,
                "DRM": 0,
                "URL": self.stream(entry.number),
            })
        });
        all.collect()
    }

    /// `/lineup.xml`
    pub fn lineup_xml(&self, lineup: &Lineup) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Lineup>\n");
        for entry in lineup.entries() {
            let number = entry.number;
            text.push_str(&format!(
                "  <Program><GuideNumber>{number}</GuideNumber><GuideName>"
            ));
            escape(&mut text, &entry.spec.name);
            text.push_str("</GuideName><URL>");
            escape(&mut text, &self.stream(number));
            text.push_str("</URL></Program>\n");
        }
        text.push_str("</Lineup>\n");
        text
    }

    fn stream(&self, number: u32) -> String {
        format!("{}/auto/v{number}", self.base)
    }

    /// `/device.xml`, and `/capability`, which newer Plex asks for.
    pub fn description(&self) -> String {
        let mut text = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">\n  \
             <specVersion><major>1</major><minor>0</minor></specVersion>\n",
        );
        let udn = self.udn();
        let serial = format!("{:08X}", self.id);
        let device = [
            ("deviceType", super::ssdp::DEVICE_TYPE),
            ("friendlyName", self.name),
            ("manufacturer", MANUFACTURER),
            ("modelName", MODEL),
            ("modelNumber", MODEL),
            ("serialNumber", &serial),
            ("UDN", &udn),
        ];
        element(&mut text, 1, "URLBase", self.base);
        text.push_str("  <device>\n");
        for (name, content) in device {
            element(&mut text, 2, name, content);
        }
        text.push_str("  </device>\n</root>\n");
        text
    }

    /// A whole UUID: short ones fail in Plex. It is the same as long as the number is.
    pub fn udn(&self) -> String {
        format!("uuid:2f70c0d7-90a3-4429-8275-{:012x}", self.id)
    }
}

/// A device number that follows from what is known of the machine: the same after a restart.
pub fn device_id(seed: &str) -> u32 {
    let mut hash: u32 = 0x811C_9DC5;
    for byte in seed.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    // Numbers of devices begin with 1, and 0 means none.
    HdHomeRunSpec::with_checksum(0x1000_0000 | hash & 0x0FFF_FFFF)
}

/// `/lineup_status.json`: there is nothing to scan for.
pub fn status() -> Value {
    json!({"ScanInProgress": 0, "ScanPossible": 1, "Source": "Cable", "SourceList": ["Cable"]})
}

/// The channel's number in `/auto/v7`, `/auto/v7.0` or `/tuner2/v7`.
pub fn tuned(path: &str) -> Option<u32> {
    let (place, channel) = path.strip_prefix('/')?.split_once('/')?;
    let is_tuner = place
        .strip_prefix("tuner")
        .is_some_and(|n| n.len() < 4 && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if place != "auto" && !is_tuner {
        return None;
    }
    let number = channel.strip_prefix('v')?;
    let number = number.strip_suffix(".0").unwrap_or(number);
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| number.parse().ok())?
}

fn element(text: &mut String, depth: usize, name: &str, content: &str) {
    text.push_str(&"  ".repeat(depth));
    text.push_str(&format!("<{name}>"));
    escape(text, content);
    text.push_str(&format!("</{name}>\n"));
}

#[cfg(test)]
mod tests {
    use super::super::lineup::tests::lineup;
    use super::*;

    const DEVICE: Device<'static> = Device {
        id: 0x1010_C032,
        name: "Tom & <TV>",
        tuners: 4,
        base: "http://10.0.0.7:8080",
    };

    #[test]
    fn it_looks_like_a_tuner() {
        let discover = DEVICE.discover();
        assert_eq!(discover["DeviceID"], "1010C032");
        assert_eq!(discover["TunerCount"], 4);
        assert_eq!(discover["LineupURL"], "http://10.0.0.7:8080/lineup.json");
        assert!(!MODEL.to_lowercase().contains("hdtc"));
        insta::assert_snapshot!(DEVICE.description());
        let lineup = lineup("[[channel]]\nid='a'\nnumber=7\nname='A <b>'\nsource='testcard:'\n");
        let json = DEVICE.lineup(&lineup);
        assert_eq!(json[0]["GuideNumber"], "7");
        assert_eq!(json[0]["URL"], "http://10.0.0.7:8080/auto/v7");
        let xml = DEVICE.lineup_xml(&lineup);
        assert!(xml.contains("<GuideName>A &lt;b&gt;</GuideName>"), "{xml}");
    }

    #[test]
    fn tuners_are_told_what_to_play() {
        for (path, number) in [
            ("/auto/v7", Some(7)),
            ("/auto/v7.0", Some(7)),
            ("/tuner0/v12", Some(12)),
            ("/auto/v7.1", None),
            ("/auto/7", None),
            ("/auto/v", None),
            ("/auto/v+7", None),
            ("/auto/v99999999999", None),
            ("/tuner/v7", None),
            ("/tunerx/v7", None),
            ("/auto", None),
        ] {
            assert_eq!(tuned(path), number, "{path}");
        }
    }
}
