//! What a client already has or can take: If-None-Match, If-Range, Range and Accept-Encoding (RFC 9110), pure.

use std::ops::Range;

/// Which bytes of a representation are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RangeRequest {
    /// All of them: no range, one that is not understood, or more than one.
    Whole,
    /// These; never empty, inside of the representation.
    Part(Range<usize>),
    /// A range that the representation does not have.
    Unsatisfiable,
}

/// Whether `If-None-Match` names the entity tag: the weak comparison (section 8.8.3.2), lists and `*`.
pub(crate) fn names_tag(if_none_match: &[u8], tag: &[u8]) -> bool {
    let tag = opaque(tag);
    list(if_none_match).any(|item| item == b"*" || opaque(item) == tag)
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Whether a Range may be honoured: without If-Range, or when that is the very tag (the strong comparison; a date
/// never matches, because no Last-Modified is ever sent).
pub(crate) fn range_applies(if_range: Option<&[u8]>, tag: &[u8]) -> bool {
    if_range.is_none_or(|condition| condition == tag && !tag.starts_with(b"W/"))
}

/// Reads a Range header for a representation of `length` bytes (section 14.2).
pub(crate) fn parse_range(header: Option<&[u8]>, length: usize) -> RangeRequest {
    let Some(spec) = header.and_then(|text| std::str::from_utf8(text).ok()) else {
        return RangeRequest::Whole;
    };
    let Some((unit, spec)) = spec.split_once('=') else {
        return RangeRequest::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return RangeRequest::Whole;
    }
    single_range(spec.trim(), length).unwrap_or(RangeRequest::Whole)
}

fn single_range(spec: &str, length: usize) -> Option<RangeRequest> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = digits(last)?.min(length);
        let part = length - suffix..length;
        return Some(satisfiable(part));
    }
    let first = digits(first)?;
    let end = match last {
        "" => length,
        _ => digits(last)?.saturating_add(1).min(length),
    };
    if !last.is_empty() && digits(last)? < first {
        return None;
    }
    Some(satisfiable(first..end))
}

fn satisfiable(range: Range<usize>) -> RangeRequest {
    if range.is_empty() {
        RangeRequest::Unsatisfiable
    } else {
        RangeRequest::Part(range)
    }
}

/// Digits only; a number beyond all lengths is the greatest length.
fn digits(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

/// How a text is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

// === impl Coding ===

impl Coding {
    /// What `Accept-Encoding` likes best (section 12.5.3). Among equals the better one: zstd, then gzip.
    pub(crate) fn preferred(header: &[u8]) -> Self {
        let Qualities {
            zstd,
            gzip,
            identity,
        } = Qualities::read(header);
        if zstd > 0 && zstd >= gzip && zstd >= identity {
            Self::Zstd
        } else if gzip > 0 && gzip >= identity {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}

/// Whether `Accept-Encoding` takes gzip: named with a quality above zero, or covered by `*`.
pub(crate) fn accepts_gzip(header: &[u8]) -> bool {
    Qualities::read(header).gzip > 0
}

/// How much each coding is liked, in thousandths; 0 is not at all.
struct Qualities {
    zstd: u16,
    gzip: u16,
    identity: u16,
}

// === impl Qualities ===

impl Qualities {
    fn read(header: &[u8]) -> Self {
        let (mut gzip, mut zstd, mut any) = (None, None, None);
        // As good as the worst compression that is taken at all, unless the client says otherwise.
        let mut identity = 1;
        for item in list(header) {
            let (coding, quality) = match item.iter().position(|b| *b == b';') {
                None => (item, MOST),
                Some(end) => (item[..end].trim_ascii(), quality(&item[end + 1..])),
            };
            if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") {
                gzip = Some(quality);
            } else if coding.eq_ignore_ascii_case(b"zstd") {
                zstd = Some(quality);
            } else if coding.eq_ignore_ascii_case(b"identity") {
                identity = quality;
            } else if coding == b"*" {
                any = Some(quality);
            }
        }
        // `*` stands for gzip, which every client knows that says it takes everything.
        Self {
            zstd: zstd.unwrap_or(0),
            gzip: gzip.or(any).unwrap_or(0),
            identity,
        }
    }
}

/// The quality 1, in thousandths.
const MOST: u16 = 1000;

/// The quality among an item's parameters, in thousandths; what is no quality counts as 1.
fn quality(parameters: &[u8]) -> u16 {
    let mut pieces = parameters.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let value = pieces.find_map(|piece| {
        let position = piece.iter().position(|b| *b == b'=')?;
        let (name, value) = piece.split_at(position);
        let is_quality = name.trim_ascii().eq_ignore_ascii_case(b"q");
        is_quality.then(|| value[1..].trim_ascii())
    });
    let Some([b'0', fraction @ ..]) = value else {
        return MOST;
    };
    let digits = match fraction {
        [b'.', digits @ ..] => digits,
        [] => return 0,
        _ => return MOST,
    };
    let weights = [100, 10, 1];
    let thousandths = digits.iter().zip(weights).map(|(digit, weight)| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0');
        u16::from(digit.unwrap_or(0)) * weight
    });
    thousandths.sum()
}

fn list(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    header
        .split(|b| *b == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_compare_weakly_for_if_none_match() {
        for header in [
            r#"W/"7.2""#,
            r#""7.2""#,
            r#""x", W/"7.2""#,
            "*",
            r#""a","7.2""#,
        ] {
            assert!(names_tag(header.as_bytes(), br#"W/"7.2""#), "{header}");
            assert!(names_tag(header.as_bytes(), br#""7.2""#), "{header}");
        }
        for header in ["", "7.2", r#""7.20""#, r#""7""#, "W/x"] {
            assert!(!names_tag(header.as_bytes(), br#"W/"7.2""#), "{header}");
        }
    }

    #[test]
    fn if_range_compares_strongly() {
        assert!(range_applies(None, br#""a""#));
        assert!(range_applies(Some(br#""a""#), br#""a""#));
        assert!(!range_applies(Some(br#""b""#), br#""a""#));
        assert!(!range_applies(Some(br#"W/"a""#), br#"W/"a""#));
        assert!(!range_applies(
            Some(b"Sat, 21 Nov 2026 00:00:00 GMT"),
            br#""a""#
        ));
    }

    #[test]
    fn ranges() {
        use RangeRequest::{Part, Unsatisfiable, Whole};
        let table = [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-9", Part(0..10)),
            ("bytes=2-", Part(2..10)),
            ("bytes=-3", Part(7..10)),
            ("bytes=-30", Part(0..10)),
            ("bytes=5-99999999999999999999999", Part(5..10)),
            ("Bytes = 1-2", Part(1..3)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-12", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=3-2", Whole),
            ("bytes=0-1,4-5", Whole),
            ("bytes=a-b", Whole),
            ("bytes=-", Whole),
            ("bytes", Whole),
            ("items=0-1", Whole),
            ("bytes=+1-2", Whole),
        ];
        for (header, expected) in table {
            assert_eq!(
                parse_range(Some(header.as_bytes()), 10),
                expected,
                "{header}"
            );
        }
        assert_eq!(parse_range(None, 10), Whole);
        assert_eq!(parse_range(Some(b"bytes=0-"), 0), Unsatisfiable);
    }

    #[test]
    fn encodings() {
        use Coding::{Gzip, Identity, Zstd};
        for (header, expected) in [
            ("gzip", Gzip),
            ("br, gzip", Gzip),
            ("GZIP;q=0.5", Gzip),
            ("*", Gzip),
            ("gzip ; q = 0.001", Gzip),
            ("identity;q=0, *", Gzip),
            ("gzip, deflate, br, zstd", Zstd),
            ("zstd", Zstd),
            ("ZSTD;q=0.5", Zstd),
            ("zstd;q=0.8, gzip;q=0.9", Gzip),
            ("zstd;q=0.9, gzip;q=0.8", Zstd),
            ("zstd;q=0, gzip", Gzip),
            ("zstd;q=0, *", Gzip),
            ("gzip;q=0, *;q=0.5, zstd", Zstd),
            ("identity;q=1, gzip;q=0.5", Identity),
            ("identity;q=0.5, gzip;q=1.0, zstd;q=0.7", Gzip),
            ("gzip;x=y;q=0", Identity),
            ("", Identity),
            ("br", Identity),
            ("gzip;q=0", Identity),
            ("gzip;q=0.000", Identity),
            ("gzip;q=0, *", Identity),
            ("*;q=0", Identity),
            ("gzipp, zstdx", Identity),
        ] {
            assert_eq!(Coding::preferred(header.as_bytes()), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_part_is_inside(header in "bytes=[0-9]{0,21}-[0-9]{0,21}", length in 0_usize..2000) {
            if let RangeRequest::Part(part) = parse_range(Some(header.as_bytes()), length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }

        #[test]
        fn any_header_is_read_without_panic(header: Vec<u8>, tag: Vec<u8>) {
            let _ = parse_range(Some(&header), 100);
            let _ = Coding::preferred(&header);
            let _ = names_tag(&header, &tag);
        }
    }
}
