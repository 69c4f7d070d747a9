//! UPnP's way to be found (SSDP, UPnP Device Architecture 1.0, chapter 1): searches, answers and announcements.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::hdhomerun::Device;

/// What the tuner calls itself.
pub const DEVICE_TYPE: &str = "urn:schemas-upnp-org:device:MediaServer:1";

/// How long an announcement holds, in seconds.
pub const MAX_AGE: u64 = 1800;

const ROOT: &str = "upnp:rootdevice";
const SERVER: &str = concat!("Headgate/", env!("CARGO_PKG_VERSION"), " UPnP/1.0");

/// Somebody searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What for, as the answers repeat it.
    targets: Vec<String>,
}

/// Reads a packet; `None` if it is no search that the device answers.
pub fn search(packet: &[u8], device: &Device<'_>) -> Option<Search> {
    let text = std::str::from_utf8(packet).ok()?;
    let mut lines = text.split("\r\n");
    if !lines.next()?.eq_ignore_ascii_case("M-SEARCH * HTTP/1.1") {
        return None;
    }
    let (mut target, mut is_discover) = (None, false);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "st" => target = Some(value),
            "man" => {
                is_discover = value
                    .trim_matches('"')
                    .eq_ignore_ascii_case("ssdp:discover")
            }
            _ => {}
        }
    }
    let udn = device.udn();
    let own = [ROOT, DEVICE_TYPE, &udn];
    let target = target.filter(|_| is_discover)?;
    let targets: Vec<String> = own
        .into_iter()
        .filter(|one| target == "ssdp:all" || target == *one)
        .map(str::to_owned)
        .collect();
    (!targets.is_empty()).then_some(Search { targets })
}

// === impl Search ===

impl Search {
    /// One packet for each thing that was meant.
    pub fn answers(&self, device: &Device<'_>) -> Vec<String> {
        let answer = |target: &String| {
            format!(
                "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age={MAX_AGE}\r\nEXT:\r\nLOCATION: {}\r\n\
                 SERVER: {SERVER}\r\nST: {target}\r\nUSN: {}\r\n\r\n",
                location(device),
                name(device, target)
            )
        };
        self.targets.iter().map(answer).collect()
    }
}

/// The device is there (`alive`), or goes.
pub fn announcements(device: &Device<'_>, is_alive: bool) -> Vec<String> {
    let udn = device.udn();
    let kind = if is_alive { "alive" } else { "byebye" };
    let announcement = |target: &str| {
        let place = match is_alive {
            true => format!(
                "CACHE-CONTROL: max-age={MAX_AGE}\r\nLOCATION: {}\r\nSERVER: {SERVER}\r\n",
                location(device)
            ),
            false => String::new(),
        };
        format!(
            "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: {target}\r\nNTS: ssdp:{kind}\r\n\
             USN: {}\r\n{place}\r\n",
            name(device, target)
        )
    };
    [ROOT, DEVICE_TYPE, &udn].map(announcement).into()
}

fn location(device: &Device<'_>) -> String {
    format!("{}/device.xml", device.base)
}

/// The device, and as what.
fn name(device: &Device<'_>, target: &str) -> String {
    let udn = device.udn();
    match target == udn {
        true => udn,
        false => format!("{udn}::{target}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: Device<'static> = Device {
        id: 0x1010_C032,
        name: "Headgate",
        tuners: 4,
        base: "http://10.0.0.7:8080",
    };

    fn packet(target: &str) -> String {
        format!(
            "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 99\r\nST: {target}\r\n\r\n"
        )
    }

    #[test]
    fn searches_are_answered_by_their_names() {
        let found = search(packet("ssdp:all").as_bytes(), &DEVICE).unwrap();
        let answers = found.answers(&DEVICE);
        assert_eq!(answers.len(), 3);
        for answer in &answers {
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"));
            assert!(answer.contains("\r\nLOCATION: http://10.0.0.7:8080/device.xml\r\n"));
        }
        let one = search(packet(DEVICE_TYPE).as_bytes(), &DEVICE).unwrap();
        let answer = &one.answers(&DEVICE)[0];
        assert!(answer.contains(&format!("\r\nST: {DEVICE_TYPE}\r\n")));
        assert!(answer.contains(&format!("\r\nUSN: {}::{DEVICE_TYPE}\r\n", DEVICE.udn())));
    }

    #[test]
    fn others_are_not_answered() {
        for other in [
            packet("urn:schemas-upnp-org:device:Printer:1"),
            packet("ssdp:all").replace("ssdp:discover", "x"),
            packet("ssdp:all").replace("M-SEARCH", "NOTIFY"),
            String::new(),
        ] {
            assert_eq!(search(other.as_bytes(), &DEVICE), None, "{other}");
        }
        assert_eq!(search(&[0xFF; 30], &DEVICE), None);
    }

    #[test]
    fn it_says_hello_and_goodbye() {
        let alive = announcements(&DEVICE, true);
        assert_eq!(alive.len(), 3);
        assert!(
            alive
                .iter()
                .all(|one| one.contains("NTS: ssdp:alive") && one.contains("LOCATION: "))
        );
        let gone = announcements(&DEVICE, false);
        assert!(
            gone.iter()
                .all(|one| one.contains("NTS: ssdp:byebye") && !one.contains("LOCATION"))
        );
    }
}
