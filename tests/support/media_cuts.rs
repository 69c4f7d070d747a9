//! Cutting and mending the boxes of a real stream, for tests of what is wrong with one.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of what stands here"
)]

use headgate::media::{FragmentReader, MediaError};

use crate::media_support::{VIDEO_H264, read_in_pieces};

/// The four bytes at the front as a number.
pub(crate) fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(*bytes.first_chunk().expect("four bytes"))
}

pub(crate) fn plain(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).expect("a small box");
    [&size.to_be_bytes()[..], kind, body].concat()
}

/// Where the box of this type begins: its first appearance in the stream.
pub(crate) fn find(stream: &[u8], kind: &[u8; 4]) -> usize {
    let found = stream.windows(4).position(|window| window == kind);
    found.expect("the box should be there") - 4
}

/// ftyp and moov of the real stream.
pub(crate) fn head() -> Vec<u8> {
    VIDEO_H264[..find(VIDEO_H264, b"moof")].to_vec()
}

/// The stream with `bytes` written `at` bytes after the beginning of the box.
pub(crate) fn patched(kind: &[u8; 4], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut stream = VIDEO_H264.to_vec();
    let start = find(&stream, kind) + at;
    stream[start..start + bytes.len()].copy_from_slice(bytes);
    stream
}

/// The stream's moov with `extra` as the last child of the box at this path, sizes mended.
pub(crate) fn with_child(path: &[&[u8; 4]], extra: &[u8]) -> Vec<u8> {
    let mut stream = head();
    let last = find(&stream, path.last().expect("a path"));
    let size = word(&stream[last..]);
    let end = last + size as usize;
    stream.splice(end..end, extra.iter().copied());
    for kind in path {
        let at = find(&stream, kind);
        let size = word(&stream[at..]);
        let size = size + u32::try_from(extra.len()).expect("a small box");
        stream[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    stream
}

/// The error that ends a stream, however it is split, and that it stays.
pub(crate) fn error_of(stream: &[u8]) -> MediaError {
    let (events, error) = read_in_pieces(stream, usize::MAX);
    assert_eq!((events, error.clone()), read_in_pieces(stream, 1));
    let mut reader = FragmentReader::new();
    reader.push(stream);
    while let Ok(event) = reader.poll() {
        assert!(event.is_some(), "the stream should end in an error");
    }
    let error = error.expect("the stream should end in an error");
    reader.push(VIDEO_H264);
    assert_eq!(reader.poll(), Err(error.clone()));
    error
}

pub(crate) fn said(stream: &[u8]) -> String {
    error_of(stream).to_string()
}
