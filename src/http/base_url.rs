//! Where the client of a request finds the gateway: what stands before the paths in lists that it takes elsewhere.

use http::HeaderMap;
use http::header;
use http::request::Parts;
use http::uri::Authority;

use super::State;
use super::proxies::Asked;

/// Scheme, host and what a proxy puts before every path, without a slash at the end: `http://192.168.1.7:8080`.
///
/// `public_url` of the configuration if there is one, else what the request calls the gateway, or what a trusted proxy
/// says that it did. A name that a client
/// made up comes back to that client only: answers that hold it are not for shared caches.
pub(crate) fn base_url(state: &State, head: &Parts) -> String {
    if let Some(url) = public_url(state) {
        return url;
    }
    let asked = head.extensions.get::<Asked>();
    let scheme = match asked.is_some_and(|asked| asked.is_secure) {
        true => "https",
        false => "http",
    };
    let told = asked.and_then(|asked| asked.host.as_deref());
    let named = told.or_else(|| head.uri.authority().map(Authority::as_str));
    let named = named.or_else(|| host(&head.headers)).filter(is_host);
    match named {
        Some(host) => format!("{scheme}://{host}"),
        None => format!("{scheme}://{}", state.listen),
    }
}

/// `public_url` of the configuration.
pub(crate) fn public_url(state: &State) -> Option<String> {
    state.config()?.server.public_url.clone()
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// A host and maybe a port, and nothing that would mean something in a playlist or in XML.
pub(super) fn is_host(text: &&str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    text.len() <= 260 && text.bytes().all(fine) && text.parse::<Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_host_and_nothing_else() {
        for good in ["tv.example.org", "127.0.0.1:8080", "[::1]:80", "tv_1.local"] {
            assert!(is_host(&good), "{good}");
        }
        for bad in ["", "a b", "a\"b", "a/b", "joe@h", "h:x:y:", "<h>", "h?x"] {
            assert!(!is_host(&bad), "{bad}");
        }
    }
}
