//! From when until when a certificate is valid, read from its DER (X.690; RFC 5280, section 4.1).
//!
//! Only the way to the two dates is walked: what a certificate means is for clients to judge, who get it as it is.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// A span of time with both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: Timestamp,
    /// The last second.
    pub not_after: Timestamp,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// Explicitly tagged: the version, which old certificates leave out.
const VERSION: u8 = 0xa0;

// === impl Validity ===

impl Validity {
    /// Reads a certificate; `None` if it is none.
    pub(super) fn of_certificate(der: &[u8]) -> Option<Self> {
        let (certificate, _) = expect(der, SEQUENCE)?;
        let (mut fields, _) = expect(certificate, SEQUENCE)?;
        if let Some((_, rest)) = expect(fields, VERSION) {
            fields = rest;
        }
        // The serial number, the algorithm and the issuer stand before it.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            fields = expect(fields, tag)?.1;
        }
        let (validity, _) = expect(fields, SEQUENCE)?;
        let (not_before, rest) = time(validity)?;
        let (not_after, _) = time(rest)?;
        Some(Self {
            not_before,
            not_after,
        })
    }
}

/// The content of an element of this tag, and what follows the element.
fn expect(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(input)?;
    (found == tag).then_some((content, rest))
}

fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = input.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let length = match first {
        0..=0x7f => usize::from(*first),
        0x81..=0x84 => {
            let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = after;
            digits.iter().try_fold(0_usize, |sum, digit| {
                sum.checked_mul(256)?.checked_add(usize::from(*digit))
            })?
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// A date in UTC, to the second.
fn time(input: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (tag, text, rest) = element(input)?;
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |at: usize| i8::try_from(two_digits(digits, at)?).ok();
    let (year, month) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = two_digits(digits, 0)?;
            (year + if year < 50 { 2000 } else { 1900 }, 2)
        }
        (GENERALIZED_TIME, 14) => (two_digits(digits, 0)? * 100 + two_digits(digits, 2)?, 4),
        _ => return None,
    };
    // Constructors that panic are for constants: every field is checked.
    let day = Date::new(year, number(month)?, number(month + 2)?).ok()?;
    let clock = Time::new(
        number(month + 4)?,
        number(month + 6)?,
        number(month + 8)?,
        0,
    )
    .ok()?;
    let at = day.to_datetime(clock).to_zoned(TimeZone::UTC).ok()?;
    Some((at.timestamp(), rest))
}

fn two_digits(digits: &[u8], at: usize) -> Option<i16> {
    let pair = digits.get(at..at + 2)?;
    Some(i16::from(pair[0] - b'0') * 10 + i16::from(pair[1] - b'0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(not_before: (i32, u8, u8), not_after: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let day = |(year, month, day)| rcgen::date_time_ymd(year, month, day);
        params.not_before = day(not_before);
        params.not_after = day(not_after);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_date_are_read() {
        let der = made((2026, 11, 21), (2051, 2, 3));
        let validity = Validity::of_certificate(&der).unwrap();
        assert_eq!(validity.not_before.to_string(), "2026-11-21T00:00:00Z");
        assert_eq!(validity.not_after.to_string(), "2051-02-03T00:00:00Z");
        let der = made((1999, 1, 1), (2049, 12, 31));
        let validity = Validity::of_certificate(&der).unwrap();
        assert_eq!(validity.not_before.to_string(), "1999-01-01T00:00:00Z");
        assert_eq!(validity.not_after.to_string(), "2049-12-31T00:00:00Z");
    }

    #[test]
    fn a_certificate_that_is_cut_off_is_none() {
        let der = made((2026, 1, 1), (2027, 1, 1));
        for length in 0..der.len() {
            assert_eq!(Validity::of_certificate(&der[..length]), None, "{length}");
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_none() {
        for text in [
            "261301000000Z",
            "260230000000Z",
            "260101240000Z",
            "2601010000Z",
            "26010100000xZ",
        ] {
            let mut input = vec![UTC_TIME, u8::try_from(text.len()).unwrap()];
            input.extend_from_slice(text.as_bytes());
            assert_eq!(time(&input), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, cut in 0_usize..400, flip: u8) {
            let _ = Validity::of_certificate(&bytes);
            let mut der = made((2026, 1, 1), (2027, 1, 1));
            let at = cut % der.len();
            der[at] ^= flip;
            let _ = Validity::of_certificate(&der);
        }
    }
}
