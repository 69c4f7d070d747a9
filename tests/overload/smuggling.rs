//! Requests that two servers in a row would cut differently: the gateway refuses them, or closes behind the first.

use crate::floods::start;
use crate::support::Gateway;

/// What would be taken for a request of its own.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";

const POST: &str = "POST /api/v1/config/reload HTTP/1.1\r\nhost: 127.0.0.1\r\n";

/// Fields and bodies of POST that can be cut in two ways; `HIDDEN` stands behind each.
const TABLE: [(&str, &str); 16] = [
    (
        "CL and TE",
        "content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE and CL",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n5c\r\n",
    ),
    (
        "two lengths",
        "content-length: 0\r\ncontent-length: 34\r\n\r\n",
    ),
    ("a list of lengths", "content-length: 0, 34\r\n\r\n"),
    ("a signed length", "content-length: +0\r\n\r\n"),
    ("a length of words", "content-length: 0x0\r\n\r\n"),
    (
        "an unknown coding",
        "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunked not last",
        "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    ("a space before the colon", "content-length : 0\r\n\r\n"),
    ("obs-fold", "x: y\r\n content-length: 0\r\n\r\n"),
    ("a NUL", "x: \0\r\n\r\n"),
    ("a bare CR", "x: y\rcontent-length: 0\r\n\r\n"),
    (
        "a negative chunk",
        "transfer-encoding: chunked\r\n\r\n-1\r\n\r\n",
    ),
    (
        "a huge chunk",
        "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    ),
    (
        "a chunk ended by LF",
        "transfer-encoding: chunked\r\n\r\n1\nx\n0\n\n",
    ),
    (
        "two codings",
        "transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
    ),
];

#[tokio::test]
async fn requests_that_can_be_cut_in_two_ways_are_refused_or_the_last_ones() {
    let gateway = start();
    let extension = "a".repeat(40_000);
    let more = [
        (
            "chunk extensions without end",
            format!(
                "{POST}transfer-encoding: chunked\r\n\r\n1;{extension}\r\nx\r\n0\r\n\r\n{HIDDEN}"
            ),
        ),
        (
            "CL and TE on GET",
            format!(
                "GET /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
            ),
        ),
        (
            "HTTP/1.0 with TE",
            format!(
                "POST /api/v1/config/reload HTTP/1.0\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
            ),
        ),
    ];
    let table = TABLE.map(|(name, rest)| (name, format!("{POST}{rest}{HIDDEN}")));
    for (name, request) in table.into_iter().chain(more) {
        let answers = answers(&gateway, &request).await;
        println!("{name}: {answers:?}");
        assert!(
            answers.len() <= 1,
            "{name}: the hidden request was answered: {answers:?}"
        );
    }
    // What follows a whole request is one, too: this is what the others are told apart from.
    let whole = format!("{POST}content-length: 0\r\n\r\n{HIDDEN}");
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
