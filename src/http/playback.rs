//! Where players put what they tell about themselves (CTA-5004, section 3): one query parameter, or header fields.
//!
//! It changes no answer and stands in no URL of a playlist, so that everybody keeps the same URLs.

use http::header::HeaderName;
use http::request::Parts;

use crate::session::Cmcd;

/// The parameter, as it begins.
const PARAMETER: &str = "CMCD=";

/// The header fields; the first one has the name of the playback and is always there.
static FIELDS: [HeaderName; 4] = [
    HeaderName::from_static("cmcd-session"),
    HeaderName::from_static("cmcd-object"),
    HeaderName::from_static("cmcd-request"),
    HeaderName::from_static("cmcd-status"),
];

/// What the player tells about itself. Who tells nothing pays for two looks.
pub(crate) fn told(head: &Parts) -> Option<Cmcd> {
    let query = head.uri.query().filter(|query| query.contains(PARAMETER));
    match query {
        Some(query) => Cmcd::from_query(query),
        None if head.headers.contains_key(&FIELDS[0]) => {
            let fields = FIELDS.iter().filter_map(|name| head.headers.get(name));
            Cmcd::from_headers(fields.filter_map(|field| field.to_str().ok()))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn told_by(target: &str, fields: &[(&'static str, &str)]) -> Option<Cmcd> {
        let mut request = Request::get(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        told(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn both_places_are_looked_at() {
        let by_query = told_by(
            "/live/a/v/index.m3u8?_HLS_msn=1&CMCD=bl%3D900%2Csid%3D%22s%22",
            &[],
        );
        let fields = [("cmcd-session", "sid=\"s\""), ("cmcd-request", "bl=900")];
        let by_header = told_by("/live/a/v/index.m3u8", &fields);
        assert_eq!(by_query, by_header);
        assert_eq!(by_query.unwrap().buffer, Some(900));
        assert_eq!(told_by("/live/a/v/index.m3u8?_HLS_msn=1", &[]), None);
        assert_eq!(told_by("/", &[("cmcd-request", "bl=900")]), None);
    }
}
