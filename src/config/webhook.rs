//! One `[[webhook]]`: who else is told what happens, and what of it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashSet;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::address::check_authority;
use super::channel::take;
use super::file::{Field, WebhookTable};
use super::keys::closest;
use super::label::mask_url;
use super::model::{SigningKey, WebhookSpec};
use super::report::{Refusal, Report, quoted};
use super::secret::Secret;
use super::value::{name_char, percent};
use crate::base::ChannelId;
use crate::events::EventKind;

/// The longest URL, in bytes.
const MAX_URL: usize = 2048;
/// How long a key of the Standard Webhooks may be, in bytes.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;
const KEY_PREFIX: &str = "whsec_";
const KEY_HELP: &str =
    "write `whsec_` and 24 to 64 random bytes in Base64; `openssl rand -base64 32` makes some";

// === impl WebhookSpec ===

impl WebhookSpec {
    /// How people call it: scheme and host of its URL.
    pub fn label(&self) -> String {
        mask_url(self.url.expose()).unwrap_or_else(|| "webhook".to_owned())
    }
}

/// The webhook, or `None` and at least one problem. `known` are the channels of the file.
pub(super) fn read(
    table: &WebhookTable<'_>,
    known: &HashSet<&str>,
    report: &mut Report<'_>,
) -> Option<WebhookSpec> {
    for (field, line) in [
        (&table.url, "url = \"https://…\""),
        (&table.secret, "secret = \"whsec_…\""),
    ] {
        if field.is_absent() {
            let key = line.split(' ').next().unwrap_or_default();
            report
                .add(table.at.clone(), format!("the webhook has no `{key}`"))
                .help(format!("write `{line}`"));
        }
    }
    let url = take(&table.url, report, |text| url("url", text));
    let key = take(&table.secret, report, |text| signing_key(text));
    let events = read_list(&table.events, report, event);
    let channels = read_list(&table.channels, report, |text| channel(text, known));
    Some(WebhookSpec {
        url: url?,
        key: key?,
        events: events?,
        channels: channels?,
    })
}

/// All texts of a list that need not be there.
fn read_list<T>(
    field: &Field<Vec<toml::Spanned<&str>>>,
    report: &mut Report<'_>,
    read: impl Fn(&str) -> Result<T, Refusal>,
) -> Option<Vec<T>> {
    let Some(list) = field.given() else {
        return field.is_absent().then(Vec::new);
    };
    if list.get_ref().is_empty() {
        report
            .add(
                list.span(),
                "the list is empty, so nothing would ever be sent",
            )
            .help("leave it out for everything");
        return None;
    }
    let read: Vec<_> = list
        .get_ref()
        .iter()
        .map(|item| report.accept(item.span(), read(item.get_ref())))
        .collect();
    read.into_iter().collect()
}

/// Nothing of it is quoted: it may hold a token anywhere.
pub(super) fn url(key: &str, text: &str) -> Result<Secret, Refusal> {
    let example = "write an http or https URL: `\"https://example.org/…\"`";
    let rest = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or_else(|| Refusal::new(format!("`{key}` is not an http or https URL"), example))?;
    if text.len() > MAX_URL {
        return Err(Refusal::new(
            format!("`{key}` has {} bytes", text.len()),
            format!("write at most {MAX_URL}"),
        ));
    }
    let odd = |c: &char| !c.is_ascii_graphic() || "\"<>\\^`{|}#".contains(*c);
    if let Some(c) = rest.chars().find(odd) {
        return Err(Refusal::new(
            format!("`{key}` holds {}, which it cannot", name_char(c)),
            format!("write it percent-encoded (`{}`), or remove it", percent(c)),
        ));
    }
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    check_authority(host)
        .map(|_| Secret::new(text))
        .map_err(|reason| Refusal::new(format!("`{key}` {reason}"), example))
}

fn signing_key(text: &str) -> Result<SigningKey, Refusal> {
    let refuse = |message: String| Err(Refusal::new(message, KEY_HELP));
    let Some(encoded) = text.strip_prefix(KEY_PREFIX) else {
        return refuse(format!("`secret` does not begin with `{KEY_PREFIX}`"));
    };
    let decoded = STANDARD
        .decode(encoded)
        .or_else(|_| STANDARD_NO_PAD.decode(encoded));
    match decoded {
        Err(_) => refuse(format!("`secret` is not Base64 behind `{KEY_PREFIX}`")),
        Ok(key) if !KEY_BYTES.contains(&key.len()) => {
            refuse(format!("`secret` has {} bytes", key.len()))
        }
        Ok(key) => Ok(SigningKey::new(key)),
    }
}

/// The name of an event, or a group of them.
fn event(text: &str) -> Result<String, Refusal> {
    let is_group = |group: &str| EventKind::NAMES.iter().any(|name| name.starts_with(group));
    let known = match text.strip_suffix('*') {
        Some(group) => group.ends_with('.') && is_group(group),
        None => EventKind::NAMES.contains(&text),
    };
    if known {
        return Ok(text.to_owned());
    }
    let help = match closest(text, &EventKind::NAMES) {
        Some(meant) => format!("did you mean `\"{meant}\"`?"),
        None => format!(
            "the events are {}; `\"session.*\"` is all of a kind",
            EventKind::NAMES.join(", ")
        ),
    };
    Err(Refusal::new(
        format!("there is no event {}", quoted(text)),
        help,
    ))
}

fn channel(text: &str, known: &HashSet<&str>) -> Result<ChannelId, Refusal> {
    let unknown = || {
        Refusal::new(
            format!("there is no channel {}", quoted(text)),
            "write the `id` of a channel of this file",
        )
    };
    if !known.contains(text) {
        return Err(unknown());
    }
    ChannelId::new(text).map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn spec(events: &[&str], channels: &[&str]) -> WebhookSpec {
        WebhookSpec {
            url: Secret::new("https://joe:hunter2@hooks.example/hunter2?t=hunter2"),
            key: signing_key(KEY).unwrap(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            channels: channels
                .iter()
                .filter_map(|id| ChannelId::new(id).ok())
                .collect(),
        }
    }

    #[test]
    fn a_webhook_is_shown_without_its_secrets() {
        let spec = spec(&[], &[]);
        assert_eq!(spec.label(), "https://hooks.example/…");
        let shown = format!("{spec:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("MfKQ"),
            "{shown}"
        );
        assert_eq!(spec.key.bytes().len(), 24);
    }

    #[test]
    fn keys_and_events_are_checked() {
        for wrong in ["", "MfKQ", "whsec_", "whsec_!!!", "whsec_c2hvcnQ="] {
            assert!(signing_key(wrong).is_err(), "{wrong}");
        }
        for good in ["session.state", "session.*", "config.*"] {
            assert!(event(good).is_ok(), "{good}");
        }
        for wrong in ["", "*", "session", "session*", "sess.*", "session.state.*"] {
            assert!(event(wrong).is_err(), "{wrong}");
        }
        let refusal = event("sesion.state").unwrap_err();
        assert!(refusal.help.contains("session.state"), "{refusal:?}");
    }
}
