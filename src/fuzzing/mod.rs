//! What must hold for any bytes that strangers send, one function for each parser that reads them.
//!
//! Not part of the product: built for tests and for the fuzzer only. `fuzz/` feeds these functions with what libFuzzer
//! makes up; `cargo test` feeds them with what is kept in `fuzz/corpus` and `fuzz/findings`, so that what was found once
//! is a test for ever, with any compiler. A function panics when its rule is broken.

mod lists;
mod media;
#[cfg(test)]
mod replay_tests;
mod requests;

/// Looks at one input.
pub type Target = fn(&[u8]);

/// All of them, by the names of the files in `fuzz/fuzz_targets` and of the folders in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("certificate", crate::tls::fuzzing::certificate),
    ("configuration", lists::configuration),
    ("directives", requests::directives),
    ("encoder_words", crate::encoder::fuzzing::words),
    ("fmp4_reader", media::fmp4_reader),
    ("forwarded", crate::http::fuzzing::forwarded),
    ("guide", lists::guide),
    ("host", crate::http::fuzzing::host),
    ("nal_units", media::nal_units),
    ("player_data", requests::player_data),
    ("playlist_import", lists::playlist_import),
    ("preconditions", crate::http::fuzzing::preconditions),
    ("progress", crate::encoder::fuzzing::progress),
    ("route", requests::route),
    ("searches", requests::searches),
    ("source_url", lists::source_url),
    ("state_file", crate::session::fuzzing::state_file),
    ("transport_stream", media::transport_stream),
];

/// Looks at one input of a target.
///
/// # Panics
/// When there is no such target, and when the input breaks a rule.
pub fn run(target: &str, input: &[u8]) {
    let known = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, look) = known.unwrap_or_else(|| panic!("there is no target {target}"));
    look(input);
}

/// Whether a parser that takes pieces says the same for the whole and for pieces of this length.
pub(crate) fn pieces(input: &[u8]) -> Option<(usize, &[u8])> {
    let (&length, rest) = input.split_first()?;
    Some((usize::from(length) + 1, rest))
}

/// The text of an input; nothing if it is none.
pub(crate) fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}
