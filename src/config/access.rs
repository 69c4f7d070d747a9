//! Who may watch: from what was written to what it means.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::access_spec::{
    AccessKeySpec, AccessRule, AccessSpec, ChannelAccess, CheckSpec, JwksSource, JwtSpec,
    SecretSource, SegmentRule,
};
use super::access_tables::{AccessTable, ChannelAccessKeys, CheckTable, JwtTable, KeyTable};
use super::channel::take;
use super::file::{Field, File};
use super::iptv;
use super::model::GuideSource;
use super::report::{Refusal, Report, quoted};
use super::secret::Secret;
use super::transport;
use super::value::{duration, plain_text, show_duration, within};
use super::webhook;
use crate::base::ChannelId;

/// How long a secret may be, in bytes: as long as the hash at least, or it is the weakest part.
const SECRET_BYTES: RangeInclusive<usize> = 32..=512;
/// The algorithms that tokens of other issuers may be signed with.
const ALGORITHMS: [&str; 4] = ["HS256", "RS256", "ES256", "EdDSA"];
const CHANNELS_CLAIM: &str = "channels";
const MOST_VIEWERS: i64 = 1_000_000;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(30);
const REMEMBERED: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
const SECRET_HELP: &str =
    "write 32 random bytes or more as text; `openssl rand -hex 32` makes a good one";

/// The `[access]` table, and whether those channels can be watched that want a token.
pub(super) fn read(file: &File<'_>, folder: &Path, report: &mut Report<'_>) -> AccessSpec {
    let table = &file.access;
    let spec = AccessSpec {
        keys: keys(&table.keys, folder, report),
        jwt: take_table(&table.jwt, |jwt, at| read_jwt(jwt, at, folder, report)),
        check: take_table(&table.check, |check, at| read_check(check, at, report)),
        segments: take(&table.segments, report, |text| segments(text)).unwrap_or_default(),
        max_viewers_per_token: viewers(
            "max_viewers_per_token",
            &table.max_viewers_per_token,
            report,
        ),
        max_viewers_per_address: viewers(
            "max_viewers_per_address",
            &table.max_viewers_per_address,
            report,
        ),
    };
    check_ways(file, table, report);
    spec
}

/// A channel that wants a token, and nobody who could make one, is a mistake.
fn check_ways(file: &File<'_>, table: &AccessTable<'_>, report: &mut Report<'_>) {
    let has_way = !(table.keys.is_empty() && table.jwt.is_absent() && table.check.is_absent());
    if has_way {
        return;
    }
    let of_channels = file.channels.iter().map(|channel| &channel.options.access);
    let written = std::iter::once(&file.defaults.access).chain(of_channels);
    for field in written.filter_map(|keys| keys.access.given()) {
        if *field.get_ref() == AccessRule::Token.as_str() {
            report
                .add(field.span(), "a token is wanted, but none could be accepted")
                .help(
                    "add a key: `[[access.key]]`, and below it `id = \"1\"` and `secret_file = \"access.key\"`",
                );
        }
    }
}

/// What a table says over what it inherits.
pub(super) fn of_channel(
    keys: &ChannelAccessKeys<'_>,
    inherited: ChannelAccess,
    report: &mut Report<'_>,
) -> ChannelAccess {
    ChannelAccess {
        rule: take(&keys.access, report, |text| rule(text)).unwrap_or(inherited.rule),
        max_viewers: viewers("max_viewers", &keys.max_viewers, report).or(inherited.max_viewers),
    }
}

fn rule(text: &str) -> Result<AccessRule, Refusal> {
    one_of(
        "access",
        text,
        [AccessRule::Public, AccessRule::Token],
        AccessRule::as_str,
    )
}

fn segments(text: &str) -> Result<SegmentRule, Refusal> {
    one_of(
        "segments",
        text,
        [SegmentRule::Token, SegmentRule::Open],
        SegmentRule::as_str,
    )
}

fn one_of<T: Copy>(
    key: &str,
    text: &str,
    all: [T; 2],
    name: fn(T) -> &'static str,
) -> Result<T, Refusal> {
    let found = all.into_iter().find(|one| name(*one) == text);
    found.ok_or_else(|| {
        Refusal::new(
            format!("`{key}` cannot be {}", quoted(text)),
            format!("write `\"{}\"` or `\"{}\"`", name(all[0]), name(all[1])),
        )
    })
}

fn viewers(key: &str, field: &Field<i64>, report: &mut Report<'_>) -> Option<usize> {
    let number = take(field, report, |number| {
        within(key, *number, 1..=MOST_VIEWERS, |n| n.to_string())
    });
    number.and_then(|number| usize::try_from(number).ok())
}

fn take_table<'t, T, U>(
    field: &'t Field<T>,
    read: impl FnOnce(&'t T, Range<usize>) -> Option<U>,
) -> Option<U> {
    field
        .given()
        .and_then(|table| read(table.get_ref(), table.span()))
}

fn keys(tables: &[KeyTable<'_>], folder: &Path, report: &mut Report<'_>) -> Vec<AccessKeySpec> {
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for table in tables {
        if table.id.is_absent() {
            report
                .add(table.at.clone(), "the key has no `id`")
                .help("write `id = \"1\"`: tokens name the key that they are signed with");
        }
        let id = take(&table.id, report, |text| key_id(text));
        if let Some(written) = table.id.given()
            && !seen.insert(*written.get_ref())
        {
            report
                .add(written.span(), "two keys have this id")
                .help("give each key an id of its own");
        }
        let secret = secret((&table.secret, &table.secret_file), folder, report);
        if table.secret.is_absent() && table.secret_file.is_absent() {
            report
                .add(table.at.clone(), "the key has no `secret`")
                .help(
                    "write `secret_file = \"access.key\"`, or the secret itself: `secret = \"…\"`",
                );
        }
        if let (Some(id), Some(secret)) = (id, secret) {
            keys.push(AccessKeySpec { id, secret });
        }
    }
    keys
}

fn key_id(text: &str) -> Result<String, Refusal> {
    ChannelId::new(text).map(|id| id.to_string()).map_err(|_| {
        Refusal::new(
            "`id` cannot be the id of a key",
            "write 1 to 64 letters, digits, `-` or `_`: it stands in URLs",
        )
    })
}

/// `secret` or `secret_file`, not both.
fn secret(
    (text, file): (&Field<&str>, &Field<&str>),
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<SecretSource> {
    if let (Some(text), Some(file)) = (text.given(), file.given()) {
        report
            .add(file.span(), "there is both a `secret` and a `secret_file`")
            .also(text.span(), "the other one")
            .help("remove one of them");
    }
    let written = take(text, report, |text| secret_text(text)).map(SecretSource::Text);
    let path = take(file, report, |text| {
        transport::file("secret_file", text, folder)
    });
    written.or(path.map(SecretSource::File))
}

/// It is not repeated.
fn secret_text(text: &str) -> Result<Secret, Refusal> {
    match SECRET_BYTES.contains(&text.len()) {
        true => Ok(Secret::new(text)),
        false => Err(Refusal::new(
            format!("`secret` has {} bytes", text.len()),
            SECRET_HELP,
        )),
    }
}

fn read_jwt(
    table: &JwtTable<'_>,
    at: Range<usize>,
    folder: &Path,
    report: &mut Report<'_>,
) -> Option<JwtSpec> {
    let algorithms = table.algorithms.given().map(Spanned::get_ref);
    let algorithms: Vec<String> = algorithms
        .into_iter()
        .flatten()
        .filter_map(|item| report.accept(item.span(), algorithm(item.get_ref())))
        .collect();
    let jwks = take(&table.jwks, report, |text| jwks(text, folder));
    let secret = secret((&table.secret, &table.secret_file), folder, report);
    let is_symmetric = |name: &String| name == "HS256";
    let lacks = |what: &str| format!("`[access.jwt]` has no `{what}`");
    let (symmetric, public) = (
        algorithms.iter().any(is_symmetric),
        algorithms.iter().any(|name| !is_symmetric(name)),
    );
    if table.algorithms.is_absent()
        || matches!(&table.algorithms, Field::Given(list) if list.get_ref().is_empty())
    {
        report.add(at.clone(), lacks("algorithms")).help(
            "write those that your tokens are signed with and no others: `algorithms = [\"RS256\"]`",
        );
    }
    if symmetric && table.secret.is_absent() && table.secret_file.is_absent() {
        report
            .add(at.clone(), lacks("secret"))
            .help("HS256 needs `secret_file = \"…\"` or `secret = \"…\"`");
    }
    if public && table.jwks.is_absent() {
        report
            .add(at.clone(), lacks("jwks"))
            .help("RS256, ES256 and EdDSA need public keys: `jwks = \"https://…\"` or a file");
    }
    let mut text = |key, field| take(field, report, |text: &&str| plain_text(key, text));
    Some(JwtSpec {
        algorithms,
        jwks,
        secret,
        issuer: text("issuer", &table.issuer),
        audience: text("audience", &table.audience),
        channels_claim: text("channels_claim", &table.channels_claim)
            .unwrap_or_else(|| CHANNELS_CLAIM.to_owned()),
    })
}

fn algorithm(text: &str) -> Result<String, Refusal> {
    if ALGORITHMS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(
        format!("there is no algorithm {} here", quoted(text)),
        format!("the algorithms are {}", ALGORITHMS.join(", ")),
    ))
}

fn jwks(text: &str, folder: &Path) -> Result<JwksSource, Refusal> {
    let source = iptv::source("jwks", text, folder).map_err(|refusal| Refusal {
        help: "write the http or https URL of a JSON Web Key Set, or the path of its file"
            .to_owned(),
        ..refusal
    });
    Ok(match source? {
        GuideSource::File(path) => JwksSource::File(path),
        GuideSource::Url(url) => JwksSource::Url(url),
    })
}

fn read_check(
    table: &CheckTable<'_>,
    at: Range<usize>,
    report: &mut Report<'_>,
) -> Option<CheckSpec> {
    if table.url.is_absent() {
        report
            .add(at, "`[access.check]` has no `url`")
            .help("write `url = \"http://…\"`: who is asked about viewers");
    }
    let mut time = |key, field, range, built_in| {
        let read = take(field, report, |text: &&str| {
            within(key, duration(text)?, range, show_duration)
        });
        read.unwrap_or(Duration::from_secs(built_in))
    };
    let timeout = time("timeout", &table.timeout, TIMEOUT, 3);
    let allow_for = time("allow_for", &table.allow_for, REMEMBERED, 60);
    let deny_for = time("deny_for", &table.deny_for, REMEMBERED, 10);
    let on_error = take(&table.on_error, report, |text| {
        one_of("on_error", text, [false, true], |open| {
            if open { "allow" } else { "deny" }
        })
    });
    let url = take(&table.url, report, |text| webhook::url("url", text));
    Some(CheckSpec {
        url: url?,
        timeout,
        allow_for,
        deny_for,
        open_on_error: on_error.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn parse(text: &str) -> Config {
        let text = text.replace("KEY", KEY);
        Config::parse(&text, Path::new("/etc/headgate/channels.toml")).unwrap()
    }

    #[test]
    fn everything_is_public_if_nothing_is_said() {
        let config = parse("[[channel]]\nid = 'a'\nsource = 'testcard:'\n");
        assert_eq!(config.access, AccessSpec::default());
        assert_eq!(config.channels[0].access, ChannelAccess::default());
    }

    #[test]
    fn channels_inherit_and_keys_come_from_files_too() {
        let config = parse(
            "[defaults]\naccess = 'token'\nmax_viewers = 9\n[access]\nsegments = 'open'\n\
             [[access.key]]\nid = 'b'\nsecret = 'KEY'\n[[access.key]]\nid = 'a'\nsecret_file = 'a.key'\n\
             [[channel]]\nid = 'x'\nsource = 'testcard:'\n\
             [[channel]]\nid = 'y'\nsource = 'testcard:'\naccess = 'public'\nmax_viewers = 3\n",
        );
        let access = |at: usize| {
            (
                config.channels[at].access.rule,
                config.channels[at].access.max_viewers,
            )
        };
        assert_eq!(access(0), (AccessRule::Token, Some(9)));
        assert_eq!(access(1), (AccessRule::Public, Some(3)));
        assert_eq!(config.access.segments, SegmentRule::Open);
        let file = SecretSource::File("/etc/headgate/a.key".into());
        assert_eq!(config.access.keys[1].secret, file);
        assert!(!format!("{:?}", config.access).contains(KEY));
    }
}
