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
        /// What was written.
        value: String,
    },
    /// `_HLS_part` came without `_HLS_msn`.
    #[error("_HLS_part needs _HLS_msn")]
    PartWithoutMsn,
}

impl DeliveryDirectives {
    /// Reads the query of a request. Other parameters, and unknown `_HLS_` ones, are ignored.
    pub fn parse(_query: Option<&str>) -> Result<Self, DirectiveError> {
        Ok(Self::default())
    }
}
