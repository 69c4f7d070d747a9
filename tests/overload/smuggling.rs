//! Requests that two servers in a row would cut differently: the gateway refuses them, or closes behind the first.

use crate::floods::start;
use crate::support::Gateway;

/// What would be taken for a request of its own.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn requests_that_can_be_cut_in_two_ways_are_refused_or_the_last_ones() {
    let gateway = start();
    let post = "POST /api/v1/config/reload HTTP/1.1\r\nhost: 127.0.0.1\r\n";
    let get = "GET /live/one/index.m3u8x HTTP/1.1\r\nhost: a\r\n";
    let table: Vec<(&str, String)> = vec![
        (
            "CL and TE",
            format!(
                "{post}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
            ),
        ),
        (
            "TE and CL",
            format!(
                "{post}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n5c\r\n{HIDDEN}\r\n0\r\n\r\n"
            ),
        ),
        (
            "CL and TE on GET",
            format!(
                "{get}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
            ),
        ),
        (
            "two lengths",
            format!(
                "{post}content-length: 0\r\ncontent-length: {}\r\n\r\n{HIDDEN}",
                HIDDEN.len()
            ),
        ),
        (
            "a list of lengths",
            format!("{post}content-length: 0, {}\r\n\r\n{HIDDEN}", HIDDEN.len()),
        ),
        (
            "a signed length",
            format!("{post}content-length: +0\r\n\r\n{HIDDEN}"),
        ),
        (
            "a length of words",
            format!("{post}content-length: 0x0\r\n\r\n{HIDDEN}"),
        ),
        (
            "an unknown coding",
            format!("{post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        ),
        (
            "chunked not last",
            format!("{post}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}"),
        ),
        (
            "a space before the colon",
            format!("{post}content-length : 0\r\n\r\n{HIDDEN}"),
        ),
        (
            "obs-fold",
            format!("{post}x: y\r\n content-length: 0\r\n\r\n{HIDDEN}"),
        ),
        ("a NUL", format!("{post}x: \0\r\n\r\n{HIDDEN}")),
        (
            "a bare CR",
            format!("{post}x: y\rcontent-length: 0\r\n\r\n{HIDDEN}"),
        ),
        (
            "a negative chunk",
            format!("{post}transfer-encoding: chunked\r\n\r\n-1\r\n\r\n{HIDDEN}"),
        ),
        (
            "a huge chunk",
            format!("{post}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{HIDDEN}"),
        ),
        (
            "chunk extensions without end",
            format!(
                "{post}transfer-encoding: chunked\r\n\r\n1;{}\r\nx\r\n0\r\n\r\n{HIDDEN}",
                "a".repeat(40_000)
            ),
        ),
        (
            "a chunk ended by LF",
            format!("{post}transfer-encoding: chunked\r\n\r\n1\nx\n0\n\n{HIDDEN}"),
        ),
        (
            "HTTP/1.0 with TE",
            format!(
                "POST /api/v1/config/reload HTTP/1.0\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
            ),
        ),
    ];
    for (name, request) in table {
        let answers = answers(&gateway, &request).await;
        println!("{name}: {answers:?}");
        assert!(
            !answers.contains(&200) || answers.len() == 1,
            "{name}: {answers:?}"
        );
        assert!(
            answers.len() <= 1,
            "{name}: the hidden request was answered: {answers:?}"
        );
    }
    // What follows a whole request is one, too: this is what the others are told apart from.
    let whole = format!("{post}content-length: 0\r\n\r\n{HIDDEN}");
    let answers = answers(&gateway, &whole).await;
    assert_eq!(answers.len(), 2, "{answers:?}");
}

#[tokio::test]
async fn lines_that_end_with_a_bare_lf_hide_nothing() {
    let gateway = start();
    // RFC 9112, 2.2, lets a recipient take a single LF for the end of a line: then it is one everywhere.
    let request = format!("GET /healthz HTTP/1.1\nhost: a\nx: y\n\n{HIDDEN}");
    let answers = answers(&gateway, &request).await;
    assert!(answers == [200, 200] || answers == [400], "{answers:?}");
}

/// The status codes of all that comes back until the gateway closes.
async fn answers(gateway: &Gateway, request: &str) -> Vec<u16> {
    let text = gateway.raw(request.as_bytes()).await;
    let parts = text.split("HTTP/1.").skip(1);
    parts.map(|part| part[2..5].parse().unwrap()).collect()
}
