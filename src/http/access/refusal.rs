//! The answer to who may not see something: why, and with which status.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::super::body::Body;
use super::super::cache::CachePolicy;
use super::super::error::Failure;
use crate::access::Denial;

/// The answer to who may not; pages of other origins may read why.
pub(crate) fn refusal(channel: &str, denial: &Denial) -> Response<Body> {
    let is_missing = *denial == Denial::NoToken;
    let mut response = failure(channel, denial)
        .into_answer(CachePolicy::NoStore)
        .map(Body::bytes);
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    if is_missing {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn failure(channel: &str, denial: &Denial) -> Failure {
    let about = |status, code, message: String| {
        Failure::new(status, code, message).with_details(json!({"channel": channel}))
    };
    match denial {
        Denial::NoToken => about(
            StatusCode::UNAUTHORIZED,
            "token_required",
            format!("channel {channel} is for who has a token: `?token=…`"),
        ),
        Denial::Token(why) => Failure::new(StatusCode::FORBIDDEN, "token_refused", why.to_string())
            .with_details(json!({"channel": channel, "reason": why.code()})),
        Denial::Check => about(
            StatusCode::FORBIDDEN,
            "access_denied",
            format!("channel {channel} is not for this viewer"),
        ),
        Denial::Unanswered => Failure {
            retry_after: Some(std::time::Duration::from_secs(2)),
            ..about(
                StatusCode::SERVICE_UNAVAILABLE,
                "access_unknown",
                format!("it cannot be found out now whether channel {channel} is for this viewer"),
            )
        },
        Denial::Full {
            limit,
            most,
            retry_after,
        } => Failure {
            retry_after: Some(*retry_after),
            ..Failure::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_viewers",
                format!("{most} watch already, as many as may for one {limit}"),
            )
            .with_details(json!({"channel": channel, "limit": limit, "most": most}))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_denial_has_its_status() {
        let full = Denial::Full {
            limit: "token",
            most: 2,
            retry_after: std::time::Duration::from_secs(10),
        };
        for (denial, status, code) in [
            (Denial::NoToken, 401, "token_required"),
            (
                Denial::Token(crate::security::Refusal::Expired),
                403,
                "token_refused",
            ),
            (Denial::Check, 403, "access_denied"),
            (Denial::Unanswered, 503, "access_unknown"),
            (full, 429, "too_many_viewers"),
        ] {
            let answer = refusal("news", &denial);
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()["cache-control"], "no-store");
            assert_eq!(answer.headers()["access-control-allow-origin"], "*");
            assert_eq!(failure("news", &denial).code, code);
            assert_eq!(
                answer.headers().contains_key("www-authenticate"),
                status == 401
            );
            assert_eq!(answer.headers().contains_key("retry-after"), status > 403);
        }
    }
}
