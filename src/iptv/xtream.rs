//! The Xtream Codes API, read only: what apps ask for with a server, a name and a password.
//!
//! There is no specification. Fields, and which of them are texts and which numbers, are those of the panels that apps
//! were written against: they rely on the mixture.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use super::lineup::{Lineup, LineupEntry};
use super::programme::Programme;
use crate::config::UserSpec;

/// The category of channels that are in no group.
const OTHER: &str = "Channels";

/// How many programmes `get_short_epg` gives if nothing else is said.
const SHORT: usize = 4;

/// The user with this name and password. It takes the same time whichever of them is wrong.
pub fn login<'a>(users: &'a [UserSpec], name: &str, password: &str) -> Option<&'a UserSpec> {
    let mut found = None;
    for user in users {
        let same_name = user.name.as_bytes().ct_eq(name.as_bytes());
        let same_password = user.password.expose().as_bytes().ct_eq(password.as_bytes());
        if bool::from(same_name & same_password) {
            found = Some(user);
        }
    }
    found
}

/// The answer to who is nobody.
pub fn refused() -> Value {
    json!({"user_info": {"auth": 0, "status": "Disabled"}})
}

/// The account and the server; `base` is where the gateway is found.
pub fn account(user: &UserSpec, base: &str, now: Timestamp) -> Value {
    let (scheme, rest) = base.split_once("://").unwrap_or(("http", base));
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = split_port(authority);
    let (http, https) = match scheme {
        "https" => ("80", port.unwrap_or("443")),
        _ => (port.unwrap_or("80"), "443"),
    };
    json!({
        "user_info": {
            "username": user.name,
            "password": user.password.expose(),
            "message": "",
            "auth": 1,
            "status": "Active",
            "exp_date": null,
            "is_trial": "0",
            "active_cons": "0",
            "created_at": "0",
            "max_connections": "100",
            "allowed_output_formats": ["m3u8", "ts"],
        },
        "server_info": {
            "url": host,
            "port": http,
            "https_port": https,
            "server_protocol": scheme,
            "rtmp_port": "1935",
            "timezone": "UTC",
            "timestamp_now": now.as_second(),
            "time_now": wall(now),
        },
    })
}

/// `host`, and a port if there is one; an IPv6 address keeps its brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    }
}

/// `get_live_categories`
pub fn categories(lineup: &Lineup) -> Value {
    let groups = lineup.groups(OTHER).into_iter().enumerate();
    let all = groups.map(|(at, name)| {
        json!({"category_id": (at + 1).to_string(), "category_name": name, "parent_id": 0})
    });
    all.collect()
}

/// `get_live_streams`, of all categories or of one.
pub fn streams(lineup: &Lineup, category: Option<&str>) -> Value {
    let groups = lineup.groups(OTHER);
    let positions: std::collections::HashMap<&str, usize> = groups
        .iter()
        .enumerate()
        .map(|(at, name)| (*name, at + 1))
        .collect();
    let category_of =
        |entry: &LineupEntry| positions.get(entry.group_or(OTHER)).copied().unwrap_or(0);
    let is_wanted = |entry: &&LineupEntry| {
        category.is_none_or(|wanted| wanted == category_of(entry).to_string())
    };
    let all = lineup.entries().iter().filter(is_wanted).map(|entry| {
        let category = category_of(entry);
        json!({
            "num": entry.number,
            "name": entry.spec.name,
            "stream_type": "live",
            "stream_id": entry.stream_id,
            "stream_icon": entry.spec.logo.as_deref().unwrap_or(""),
            "epg_channel_id": entry.spec.tvg_id(),
            "added": "0",
            "is_adult": "0",
            "category_id": category.to_string(),
            "category_ids": [category],
            "custom_sid": "",
            "tv_archive": 0,
            "direct_source": "",
            "tv_archive_duration": 0,
        })
    });
    all.collect()
}

/// `get_short_epg`: what is on and what comes, so many of them.
pub fn short_epg(
    entry: &LineupEntry,
    programmes: &[Programme],
    now: Timestamp,
    limit: Option<usize>,
) -> Value {
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(SHORT);
    let coming = programmes.iter().filter(|programme| programme.stop > now);
    let all: Vec<Value> = coming
        .take(limit)
        .map(|programme| listing(entry, programme))
        .collect();
    json!({"epg_listings": all})
}

/// `get_simple_data_table`: everything that is known, with what is on marked.
pub fn data_table(entry: &LineupEntry, programmes: &[Programme], now: Timestamp) -> Value {
    let all = programmes.iter().map(|programme| {
        let mut listing = listing(entry, programme);
        let is_on = programme.start <= now && programme.stop > now;
        listing["now_playing"] = json!(u8::from(is_on));
        listing["has_archive"] = json!(0);
        listing
    });
    json!({"epg_listings": all.collect::<Vec<_>>()})
}

fn listing(entry: &LineupEntry, programme: &Programme) -> Value {
    let start = programme.start.as_second();
    json!({
        "id": start.to_string(),
        "epg_id": entry.stream_id.to_string(),
        "title": STANDARD.encode(&*programme.title),
        "lang": programme.language.as_deref().unwrap_or(""),
        "start": wall(programme.start),
        "end": wall(programme.stop),
        "description": STANDARD.encode(programme.description.as_deref().unwrap_or("")),
        "channel_id": entry.spec.tvg_id(),
        "start_timestamp": start.to_string(),
        "stop_timestamp": programme.stop.as_second().to_string(),
    })
}

/// `2026-11-21 06:00:00`
fn wall(time: Timestamp) -> String {
    let at = TimeZone::UTC.to_datetime(time);
    let (date, clock) = (at.date(), at.time());
    format!(
        "{date} {:02}:{:02}:{:02}",
        clock.hour(),
        clock.minute(),
        clock.second()
    )
}

#[cfg(test)]
mod tests {
    use super::super::lineup::tests::lineup;
    use super::super::programme::tests::hour;
    use super::*;
    use crate::config::Secret;

    fn users() -> Vec<UserSpec> {
        let user = |name: &str, password: &str| UserSpec {
            name: name.into(),
            password: Secret::new(password),
        };
        vec![user("ann", "password1"), user("bob", "password2")]
    }

    #[test]
    fn name_and_password_belong_together() {
        let users = users();
        assert_eq!(login(&users, "bob", "password2"), Some(&users[1]));
        for (name, password) in [
            ("ann", "password2"),
            ("", ""),
            ("bob", "password"),
            ("bob", "password22"),
            ("Bob", "password2"),
        ] {
            assert_eq!(login(&users, name, password), None, "{name} {password}");
        }
        assert_eq!(login(&[], "", ""), None);
    }

    #[test]
    fn an_account_says_where_the_server_is() {
        let now = "2026-11-21T06:00:05Z".parse().unwrap();
        for (base, host, http, https, scheme) in [
            ("http://10.0.0.7:8080", "10.0.0.7", "8080", "443", "http"),
            ("https://tv.example/x", "tv.example", "80", "443", "https"),
            (
                "https://tv.example:8443",
                "tv.example",
                "80",
                "8443",
                "https",
            ),
            ("http://[::1]:80", "[::1]", "80", "443", "http"),
            ("http://[::1]", "[::1]", "80", "443", "http"),
        ] {
            let account = account(&users()[0], base, now);
            let server = &account["server_info"];
            assert_eq!(server["url"], host, "{base}");
            assert_eq!(server["port"], http, "{base}");
            assert_eq!(server["https_port"], https, "{base}");
            assert_eq!(server["server_protocol"], scheme, "{base}");
            assert_eq!(server["time_now"], "2026-11-21 06:00:05");
            assert_eq!(account["user_info"]["auth"], 1);
        }
    }

    #[test]
    fn streams_are_in_their_categories() {
        let lineup = lineup(
            "[[channel]]\nid='a'\ngroup='News'\nsource='testcard:'\n[[channel]]\nid='b'\nsource='testcard:'\n",
        );
        let names: Vec<Value> = categories(&lineup).as_array().unwrap().clone();
        assert_eq!(
            names[1],
            json!({"category_id": "2", "category_name": "Channels", "parent_id": 0})
        );
        let all = streams(&lineup, None);
        assert_eq!(all.as_array().unwrap().len(), 2);
        let one = streams(&lineup, Some("2"));
        assert_eq!(one.as_array().unwrap().len(), 1);
        assert_eq!(
            (&one[0]["name"], &one[0]["category_id"]),
            (&json!("b"), &json!("2"))
        );
        assert!(one[0]["stream_id"].is_u64() && one[0]["added"].is_string());
        assert_eq!(streams(&lineup, Some("9")), json!([]));
    }

    #[test]
    fn a_guide_is_in_base64() {
        let lineup = lineup("[[channel]]\nid='a'\nsource='testcard:'\n");
        let entry = &lineup.entries()[0];
        let programmes = ["08", "09", "10", "11"]
            .map(|at| hour(&format!("2026-11-21T{at}:00:00Z"), &format!("ü {at}")));
        let now = "2026-11-21T09:30:00Z".parse().unwrap();
        let short = short_epg(entry, &programmes, now, Some(2));
        let listings = short["epg_listings"].as_array().unwrap();
        assert_eq!(listings.len(), 2);
        let title = STANDARD
            .decode(listings[0]["title"].as_str().unwrap())
            .unwrap();
        assert_eq!(title, "ü 09".as_bytes());
        assert_eq!(listings[0]["start"], "2026-11-21 09:00:00");
        assert_eq!(listings[0]["stop_timestamp"], "1795255200");
        let table = data_table(entry, &programmes, now);
        let playing = |at: usize| table["epg_listings"][at]["now_playing"].clone();
        assert_eq!([playing(0), playing(1), playing(2)], [0, 1, 0]);
        assert_eq!(table["epg_listings"].as_array().unwrap().len(), 4);
    }
}
