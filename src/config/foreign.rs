//! Values from elsewhere (a playlist that is imported), each by the rule of its key: what is taken here stands in a file
//! that is good.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::Path;

use super::model::{GuideSource, SourceKind};
use super::report::Refusal;
use super::{address, iptv, request, source, value};

/// A live source. Files are not taken: a stranger's list would name those of this machine.
///
/// # Errors
/// What is wrong with it. Nothing of it is repeated.
pub fn live_source(text: &str) -> Result<String, String> {
    match source::parse(text, Path::new("")) {
        Ok(SourceKind::Live { url }) => Ok(url),
        Ok(_) => Err("it is not a URL of something live".to_owned()),
        Err(refusal) => Err(refusal.message),
    }
}

/// A name or group: as much of the text as the file takes, and whether that is all but for what nobody sees.
pub fn shown_text(text: &str) -> (String, bool) {
    let plain = |c: char| if value::is_control(c) { ' ' } else { c };
    let clean: String = text.chars().map(plain).collect();
    let clean = clean.trim();
    if clean.chars().count() <= value::MAX_TEXT {
        return (clean.to_owned(), clean == text.trim());
    }
    let kept: String = clean.chars().take(value::MAX_TEXT - 1).collect();
    (format!("{}…", kept.trim_end()), false)
}

/// A picture's URL.
///
/// # Errors
/// What is wrong with it.
pub fn logo(text: &str) -> Result<String, String> {
    address::logo(text).map_err(message)
}

/// What guides call a channel.
///
/// # Errors
/// What is wrong with it.
pub fn tvg_id(text: &str) -> Result<String, String> {
    iptv::tvg_id(text).map_err(message)
}

/// The URL of a guide; files are not taken.
///
/// # Errors
/// What is wrong with it.
pub fn guide(text: &str) -> Result<String, String> {
    match iptv::source("guide", text, Path::new("")) {
        Ok(GuideSource::Url(url)) => Ok(url.expose().to_owned()),
        Ok(GuideSource::File(_)) => Err("`guide` is not an http or https URL".to_owned()),
        Err(refusal) => Err(refusal.message),
    }
}

/// What a server is told that the gateway is.
///
/// # Errors
/// What is wrong with it. Nothing of it is repeated.
pub fn user_agent(text: &str) -> Result<(), String> {
    request::user_agent(text).map(|_| ()).map_err(message)
}

/// Another field of each request.
///
/// # Errors
/// What is wrong with it. Nothing of its value is repeated.
pub fn header(name: &str, value: &str) -> Result<(), String> {
    request::name(name).map_err(message)?;
    request::value(value).map(|_| ()).map_err(message)
}

fn message(refusal: Refusal) -> String {
    refusal.message
}
