//! Names and numbers of channels and renditions.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// The longest identifier that is accepted, in bytes.
const MAX_ID_LENGTH: usize = 64;

/// The identifier of a channel as it stands in URLs: 1 to 64 ASCII letters, digits, `-` and `_`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ChannelId(Arc<str>);

/// The name of a rendition as it stands in URLs; the same alphabet as [`ChannelId`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RenditionName(Arc<str>);

/// The position of a rendition in its channel's plan: video rungs first, best first, then audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RenditionId(pub u8);

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// There is no character at all.
    #[error("it is empty")]
    Empty,
    /// More than [`MAX_ID_LENGTH`] bytes.
    #[error("it has {0} characters, more than {MAX_ID_LENGTH}")]
    TooLong(usize),
    /// A character outside of the alphabet.
    #[error("it contains {0:?}")]
    Character(char),
}

// === impl ChannelId ===

impl ChannelId {
    /// Checks the alphabet and the length.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        check(text).map(|()| Self(text.into()))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ChannelId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

// === impl RenditionName ===

impl RenditionName {
    /// Checks the alphabet and the length.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        check(text).map(|()| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for RenditionName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RenditionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RenditionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

// === impl RenditionId ===

impl RenditionId {
    /// The position as an index into a list of renditions.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

fn check(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > MAX_ID_LENGTH {
        return Err(InvalidId::TooLong(text.chars().count()));
    }
    match text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '_'))
    {
        Some(c) => Err(InvalidId::Character(c)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_safe_in_urls() {
        assert_eq!(
            ChannelId::new("news-24_hd").map(|id| id.to_string()),
            Ok("news-24_hd".into())
        );
        assert_eq!(ChannelId::new(""), Err(InvalidId::Empty));
        assert_eq!(ChannelId::new("a/b"), Err(InvalidId::Character('/')));
        assert_eq!(ChannelId::new(".."), Err(InvalidId::Character('.')));
        assert_eq!(ChannelId::new("é"), Err(InvalidId::Character('é')));
        assert_eq!(ChannelId::new(&"x".repeat(65)), Err(InvalidId::TooLong(65)));
    }
}
