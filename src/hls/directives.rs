//! Delivery Directives: the `_HLS_*` query parameters of a playlist request (section 6.2.5).

/// What a client asks of a Media Playlist request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryDirectives {
    /// `_HLS_msn`: answer when this Media Sequence Number is in the playlist.
    pub msn: Option<u64>,
    /// `_HLS_part`: answer when this Partial Segment of `msn` is in the playlist.
    pub part: Option<u32>,
    /// `_HLS_skip=YES` or `v2`: a Playlist Delta Update is welcome.
    pub skip: bool,
}

/// Why directives cannot be obeyed; always the client's mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectiveError {
    /// A value is not a decimal integer in range.
    #[error("{name} must be a decimal integer, not {value:?}")]
    NotANumber {
        /// The parameter.
        name: &'static str,
        /// What was written, cut after 32 characters.
        value: String,
    },
    /// `_HLS_part` came without `_HLS_msn`.
    #[error("_HLS_part needs _HLS_msn")]
    PartWithoutMsn,
}

// === impl DeliveryDirectives ===

impl DeliveryDirectives {
    /// Reads the query of a request. Other parameters, and unknown `_HLS_` ones, are ignored; of a parameter that is
    /// given twice the last counts.
    pub fn parse(query: Option<&str>) -> Result<Self, DirectiveError> {
        let mut directives = Self::default();
        for (name, value) in query
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
        {
            match name {
                "_HLS_msn" => directives.msn = Some(decimal("_HLS_msn", value)?),
                "_HLS_part" => directives.part = Some(decimal("_HLS_part", value)?),
                // An unknown value asks for a kind of delta that this server does not know: it gets the whole.
                "_HLS_skip" => directives.skip = matches!(value, "YES" | "v2"),
                _ => {}
            }
        }
        match directives {
            Self {
                msn: None,
                part: Some(_),
                ..
            } => Err(DirectiveError::PartWithoutMsn),
            _ => Ok(directives),
        }
    }

    /// Whether the answer may have to wait.
    pub fn blocks(&self) -> bool {
        self.msn.is_some()
    }
}

/// The standard's decimal-integer: digits only, so neither `+1` nor an empty text passes.
fn decimal<T: std::str::FromStr>(name: &'static str, value: &str) -> Result<T, DirectiveError> {
    let digits =
        !value.is_empty() && value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| value.parse().ok())
        .flatten()
        .ok_or_else(|| DirectiveError::NotANumber {
            name,
            value: value.chars().take(32).collect(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<DeliveryDirectives, DirectiveError> {
        DeliveryDirectives::parse(Some(query))
    }

    #[test]
    fn directives_are_read_in_any_order_among_others() {
        let expected = DeliveryDirectives {
            msn: Some(27),
            part: Some(3),
            skip: true,
        };
        assert_eq!(parse("_HLS_msn=27&_HLS_part=3&_HLS_skip=YES"), Ok(expected));
        assert_eq!(
            parse("a=b&_HLS_skip=v2&_HLS_part=3&_HLS_future=1&_HLS_msn=27"),
            Ok(expected)
        );
        assert_eq!(
            DeliveryDirectives::parse(None),
            Ok(DeliveryDirectives::default())
        );
        assert_eq!(parse("_HLS_skip=maybe"), Ok(DeliveryDirectives::default()));
    }

    #[test]
    fn only_decimal_integers_in_range_are_numbers() {
        for value in [
            "",
            "-1",
            "+1",
            "1.0",
            "0x10",
            "18446744073709551616",
            "000000000000000000001",
            "%31",
        ] {
            assert!(
                parse(&format!("_HLS_msn={value}")).is_err(),
                "{value:?} was taken"
            );
        }
        assert_eq!(
            parse("_HLS_msn=18446744073709551615").map(|d| d.msn),
            Ok(Some(u64::MAX))
        );
        assert!(parse("_HLS_msn=1&_HLS_part=4294967296").is_err());
    }

    #[test]
    fn a_part_needs_a_segment() {
        assert_eq!(parse("_HLS_part=0"), Err(DirectiveError::PartWithoutMsn));
    }
}
