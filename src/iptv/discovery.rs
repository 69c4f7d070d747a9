//! HDHomeRun's own way to be found: small packets over UDP port 65001.
//!
//! A packet is a type (16 bits), a length (16 bits), tags with lengths and values, and a CRC-32 of all that, the lowest
//! byte first.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::hdhomerun::Device;

/// The longest packet that is looked at, in bytes.
pub const MAX_PACKET: usize = 1460;

const REQUEST: u16 = 2;
const REPLY: u16 = 3;
const DEVICE_TYPE: u8 = 0x01;
const DEVICE_ID: u8 = 0x02;
const TUNER_COUNT: u8 = 0x10;
const LINEUP_URL: u8 = 0x27;
const BASE_URL: u8 = 0x2A;
/// Several types at once, as newer clients ask.
const MULTI_TYPE: u8 = 0x2D;
const TUNER: u32 = 1;
const ANY: u32 = 0xFFFF_FFFF;

/// The reply to a packet, if it asks for such a device.
pub fn reply(packet: &[u8], device: &Device<'_>) -> Option<Vec<u8>> {
    asks_for(packet, device.id).then(|| {
        let lineup = format!("{}/lineup.json", device.base);
        let tuners = u8::try_from(device.tuners).unwrap_or(u8::MAX);
        let mut payload = Vec::new();
        tag(&mut payload, DEVICE_TYPE, &TUNER.to_be_bytes());
        tag(&mut payload, DEVICE_ID, &device.id.to_be_bytes());
        tag(&mut payload, TUNER_COUNT, &[tuners]);
        tag(&mut payload, BASE_URL, device.base.as_bytes());
        tag(&mut payload, LINEUP_URL, lineup.as_bytes());
        seal(REPLY, &payload)
    })
}

/// Whether the packet is a whole request that means a tuner with this number.
fn asks_for(packet: &[u8], id: u32) -> bool {
    let Some(payload) = open(packet, REQUEST) else {
        return false;
    };
    let number = |value: &[u8]| value.try_into().ok().map(u32::from_be_bytes);
    let mut rest = payload;
    let (mut right_type, mut right_id) = (false, true);
    while !rest.is_empty() {
        let Some((name, value, after)) = split_tag(rest) else {
            return false;
        };
        rest = after;
        match name {
            DEVICE_TYPE => right_type = matches!(number(value), Some(TUNER | ANY)),
            MULTI_TYPE => {
                right_type |= value
                    .chunks_exact(4)
                    .any(|one| matches!(number(one), Some(TUNER | ANY)));
            }
            DEVICE_ID => right_id = number(value).is_some_and(|asked| asked == ANY || asked == id),
            _ => {}
        }
    }
    right_type && right_id
}

/// The payload of a packet of this type, if its length and its checksum are right.
fn open(packet: &[u8], wanted: u16) -> Option<&[u8]> {
    let (body, checksum) = packet.split_last_chunk::<4>()?;
    let (kind, rest) = body.split_first_chunk::<2>()?;
    let (length, payload) = rest.split_first_chunk::<2>()?;
    let is_right = u16::from_be_bytes(*kind) == wanted
        && usize::from(u16::from_be_bytes(*length)) == payload.len()
        && u32::from_le_bytes(*checksum) == crc32fast::hash(body);
    is_right.then_some(payload)
}

fn seal(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut packet = [kind.to_be_bytes(), length.to_be_bytes()].concat();
    packet.extend_from_slice(payload);
    let checksum = crc32fast::hash(&packet);
    packet.extend_from_slice(&checksum.to_le_bytes());
    packet
}

/// A length of seven bits, or of fifteen with the highest bit set in the first byte.
fn tag(payload: &mut Vec<u8>, name: u8, value: &[u8]) {
    // Values are URLs of at most two thousand bytes.
    let low = u8::try_from(value.len() & 0x7F).unwrap_or(0x7F);
    let high = u8::try_from(value.len() >> 7).unwrap_or(0x7F);
    payload.push(name);
    if high == 0 {
        payload.push(low);
    } else {
        payload.extend([low | 0x80, high]);
    }
    payload.extend_from_slice(value);
}

/// Name and value of the first tag, and what follows it.
fn split_tag(payload: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&name, rest) = payload.split_first()?;
    let (&low, mut rest) = rest.split_first()?;
    let mut length = usize::from(low & 0x7F);
    if low & 0x80 != 0 {
        let (&high, after) = rest.split_first()?;
        length |= usize::from(high) << 7;
        rest = after;
    }
    let (value, rest) = rest.split_at_checked(length)?;
    Some((name, value, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What Jellyfin sends.
    const JELLYFIN: [u8; 20] = [
        0x00, 0x02, 0x00, 0x0C, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF, 0x02, 0x04, 0xFF, 0xFF, 0xFF,
        0xFF, 0x73, 0xCC, 0x7D, 0x8F,
    ];

    fn device(base: &str) -> Device<'_> {
        Device {
            id: 0x1010_C032,
            name: "Headgate",
            tuners: 4,
            base,
        }
    }

    fn request(kind: u32, id: u32) -> Vec<u8> {
        let mut payload = Vec::new();
        tag(&mut payload, DEVICE_TYPE, &kind.to_be_bytes());
        tag(&mut payload, DEVICE_ID, &id.to_be_bytes());
        seal(REQUEST, &payload)
    }

    #[test]
    fn a_known_packet_is_answered() {
        let packet = reply(&JELLYFIN, &device("http://10.0.0.7")).unwrap();
        let payload = open(&packet, REPLY).unwrap();
        let mut tags = Vec::new();
        let mut rest = payload;
        while let Some((name, value, after)) = split_tag(rest) {
            tags.push((name, value));
            rest = after;
        }
        assert_eq!(tags[1], (DEVICE_ID, &[0x10, 0x10, 0xC0, 0x32][..]));
        assert_eq!(tags[2], (TUNER_COUNT, &[4][..]));
        assert_eq!(tags[3], (BASE_URL, &b"http://10.0.0.7"[..]));
        assert_eq!(tags[4], (LINEUP_URL, &b"http://10.0.0.7/lineup.json"[..]));
        let long = format!("http://{}", "h".repeat(200));
        let packet = reply(&JELLYFIN, &device(&long)).unwrap();
        let payload = open(&packet, REPLY).unwrap();
        let (_, base, _) = split_tag(&payload[15..]).unwrap();
        assert_eq!(base, long.as_bytes(), "a length of two bytes");
    }

    #[test]
    fn others_are_not_answered() {
        let device = device("http://10.0.0.7");
        assert!(reply(&request(TUNER, device.id), &device).is_some());
        for packet in [
            request(TUNER, 0x1043_9EFD),
            request(5, ANY),
            seal(REQUEST, &[]),
            seal(REPLY, &JELLYFIN[4..16]),
            JELLYFIN[..19].to_vec(),
            Vec::new(),
        ] {
            assert_eq!(reply(&packet, &device), None, "{packet:?}");
        }
        let mut spoilt = JELLYFIN;
        spoilt[7] ^= 1;
        assert_eq!(reply(&spoilt, &device), None, "its checksum is wrong");
    }

    proptest! {
        #[test]
        fn any_packet_is_looked_at(payload: Vec<u8>, raw: Vec<u8>) {
            let device = device("http://h");
            let _ = reply(&seal(REQUEST, &payload), &device);
            let _ = reply(&raw, &device);
        }
    }
}
