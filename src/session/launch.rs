//! From a channel's source to a running encoder: find ffmpeg, learn what the source is, plan, spawn.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{ChannelSpec, SourceSpec};
use crate::encoder::{Encoder, EncoderPlan};

/// What starts encoders.
#[derive(Debug)]
pub struct Encoders {}

/// An encoder that is being started; dropping it ends what has been started.
pub(super) type Launch = Pin<Box<dyn Future<Output = Result<Launched, LaunchError>> + Send>>;

/// A running encoder and what it was asked to do.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) plan: EncoderPlan,
    pub(super) encoder: Encoder,
}

/// Why there is no encoder.
#[derive(Debug, thiserror::Error)]
pub(super) enum LaunchError {
    #[error("x")]
    X,
}

impl LaunchError {
    pub(super) fn is_final(&self) -> bool {
        true
    }
}

impl Encoders {
    pub(super) fn launch(
        &self,
        _spec: Arc<ChannelSpec>,
        _source: SourceSpec,
        _behind: Option<Duration>,
    ) -> Launch {
        Box::pin(async { Err(LaunchError::X) })
    }
}
