//! The `[limits]` table: what clients may take, and when nothing new is started.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

/// The `[limits]` table: what clients may take, and when nothing new is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LimitsSpec {
    /// What holds at the edge, from the next start on.
    pub edge: EdgeLimits,
    /// What holds for channels that are to start, at once.
    pub starts: StartLimits,
}

/// What one connection may take. Sizes are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLimits {
    /// From accept, or from the first byte of a later request, to the end of the request's header.
    pub header_timeout: Duration,
    /// From the end of the header to the end of the body.
    pub body_timeout: Duration,
    /// How long a connection may have no request.
    pub idle_timeout: Duration,
    /// How long a client may take no byte of what it asked for.
    pub write_timeout: Duration,
    /// How long a client may take for one whole answer; streams without an end are not meant.
    pub answer_timeout: Duration,
    /// The size of a request's header.
    pub max_header_bytes: usize,
    /// The number of header fields.
    pub max_headers: usize,
    /// The size of a request's body where one is allowed.
    pub max_body_bytes: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub http2_streams: usize,
    /// File descriptors that no viewer gets.
    pub reserved_descriptors: usize,
}

/// When a channel is not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartLimits {
    /// Channels that may start at the same time; `None` is as many as there are processors, and at least four.
    pub max_starting: Option<usize>,
    /// What media of all channels may take in memory, bytes; `None` is half of what there is.
    pub max_segment_memory: Option<u64>,
    /// From which use of memory on no channel is started, percent; 100 never is.
    pub shed_memory: u8,
    /// From which use of the processors on no channel is started while encoders do not keep up, percent; 100 never is.
    pub shed_cpu: u8,
}

// === impl EdgeLimits ===

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(65),
            write_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(120),
            max_header_bytes: 16 * 1024,
            max_headers: 64,
            max_body_bytes: 256 * 1024,
            // Each rendition that is watched parks one or two blocking reloads, and a proxy in front carries many
            // viewers over one connection, so this is wide.
            http2_streams: 256,
            reserved_descriptors: 64,
        }
    }
}

// === impl StartLimits ===

impl Default for StartLimits {
    fn default() -> Self {
        Self {
            max_starting: None,
            max_segment_memory: None,
            shed_memory: 95,
            shed_cpu: 95,
        }
    }
}
