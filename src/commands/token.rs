//! `headgate token`: a token, and the URL that carries it.

use jiff::Timestamp;

use crate::access::secret_of;
use crate::cli::TokenArguments;
use crate::config::{AccessRule, Config, SegmentRule};
use crate::security::{Grant, Scope, SigningKey};

/// A token, or the URL of what it is for: the channel, or the list of all channels.
///
/// # Errors
/// A sentence for people: there is no such channel or key.
pub fn token(config: &Config, wanted: &TokenArguments, now: Timestamp) -> Result<String, String> {
    let scope = Scope::parse(&wanted.channel)
        .ok_or_else(|| format!("{:?} is no list of channels, and not *", wanted.channel))?;
    if let Scope::Only(list) = &scope
        && let Some(unknown) = list
            .iter()
            .find(|id| !config.channels.iter().any(|spec| spec.id == **id))
    {
        return Err(format!("there is no channel {:?}", unknown.as_str()));
    }
    let after = |time: std::time::Duration| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        now.as_second().saturating_add(seconds)
    };
    let not_before = wanted.after.map(after);
    let lasting = wanted.ttl + wanted.after.unwrap_or_default();
    let grant = Grant {
        not_before,
        expires: after(lasting),
        network: wanted.address,
        name: wanted.name.clone(),
        channels: scope,
    };
    let token = key(config, wanted.key.as_deref())?.sign(&grant);
    Ok(match wanted.bare {
        true => token,
        false => url(config, &grant.channels, &token),
    })
}

fn key(config: &Config, id: Option<&str>) -> Result<SigningKey, String> {
    let mut keys = config.access.keys.iter();
    let found = match id {
        None => keys.next().ok_or_else(|| {
            "the configuration has no `[[access.key]]` to sign with; docs/access.md shows one"
                .to_owned()
        })?,
        Some(id) => keys
            .find(|key| key.id == id)
            .ok_or_else(|| format!("there is no `[[access.key]]` with the id {id:?}"))?,
    };
    Ok(SigningKey::new(&found.id, secret_of(&found.secret)?))
}

/// In the form that the gateway would send a player to.
fn url(config: &Config, scope: &Scope, token: &str) -> String {
    let server = &config.server;
    let own = || crate::commands::url_of(server.listen);
    let base = server.public_url.clone().unwrap_or_else(own);
    let channel = match scope {
        Scope::Only(list) if list.len() == 1 => &list[0],
        _ => return format!("{base}/t/{token}/channels.m3u"),
    };
    let spec = config.channels.iter().find(|spec| spec.id == *channel);
    let is_public = spec.is_some_and(|spec| spec.access.rule == AccessRule::Public);
    match config.access.segments {
        SegmentRule::Open if !is_public => {
            format!("{base}/live/{channel}/index.m3u8?token={token}")
        }
        _ => format!("{base}/t/{token}/live/{channel}/index.m3u8"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::security::Keyring;

    const FILE: &str = "[access]\n[[access.key]]\nid = 'new'\nsecret = '0123456789abcdef0123456789abcdef'\n\
        [[access.key]]\nid = 'old'\nsecret = 'fedcba9876543210fedcba9876543210'\n\
        [defaults]\naccess = 'token'\n[[channel]]\nid = 'news'\nsource = 'testcard:'\n\
        [[channel]]\nid = 'sport'\nsource = 'testcard:'\n";

    fn run(file: &str, line: &str) -> Result<String, String> {
        let config = Config::parse(file, Path::new("channels.toml")).unwrap();
        let words = ["headgate", "token"].into_iter().chain(line.split(' '));
        let Some(Command::Token(arguments)) = Cli::try_parse_from(words).unwrap().command else {
            panic!("{line}");
        };
        token(&config, &arguments, Timestamp::from_second(1000).unwrap())
    }

    #[test]
    fn a_token_grants_what_was_asked_for() {
        let line = "--channel news,sport --ttl 2h --after 1h --address 10.0.0.0/8 --for ann --key old --bare";
        let token = run(FILE, line).unwrap();
        assert!(token.starts_with("hg1.old."), "{token}");
        let key = SigningKey::new("old", *b"fedcba9876543210fedcba9876543210");
        let grant = Keyring::new(vec![key]).verify(&token).unwrap();
        assert_eq!((grant.not_before, grant.expires), (Some(4600), 11_800));
        assert_eq!(grant.channels.to_string(), "news,sport");
        assert_eq!(grant.network.unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(grant.name.as_deref(), Some("ann"));
    }

    #[test]
    fn its_url_is_where_a_player_can_go() {
        let starts = |file: &str, line: &str, start: &str, end: &str| {
            let url = run(file, line).unwrap();
            assert!(url.starts_with(start) && url.ends_with(end), "{url}");
        };
        starts(
            FILE,
            "--channel news",
            "http://127.0.0.1:8080/t/hg1.new.",
            "/live/news/index.m3u8",
        );
        starts(
            FILE,
            "--channel *",
            "http://127.0.0.1:8080/t/hg1.new.",
            "/channels.m3u",
        );
        let open = FILE.replace("[access]", "[access]\nsegments = 'open'");
        starts(
            &open,
            "--channel news",
            "http://127.0.0.1:8080/live/news/index.m3u8?token=hg1.new.",
            "",
        );
        for wrong in [
            "--channel new",
            "--channel a/b",
            "--channel news --key other",
        ] {
            assert!(run(FILE, wrong).is_err(), "{wrong}");
        }
    }
}
