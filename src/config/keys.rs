//! Which keys there are, and what somebody may have meant who wrote another.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// The tables of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableKind {
    Root,
    Server,
    Tls,
    Acme,
    Defaults,
    Channel,
    Source,
    Rung,
    LostWhen,
    Webhook,
    Guide,
    HdHomeRun,
    Limits,
    Operators,
    Token,
    User,
    Access,
    AccessKey,
    AccessJwt,
    AccessCheck,
}

/// Every table that has keys, for a key that stands in the wrong one.
const ALL: [TableKind; 20] = [
    TableKind::Root,
    TableKind::Server,
    TableKind::Tls,
    TableKind::Acme,
    TableKind::Defaults,
    TableKind::Channel,
    TableKind::Source,
    TableKind::Rung,
    TableKind::LostWhen,
    TableKind::Webhook,
    TableKind::Guide,
    TableKind::HdHomeRun,
    TableKind::Limits,
    TableKind::Operators,
    TableKind::Token,
    TableKind::User,
    TableKind::Access,
    TableKind::AccessKey,
    TableKind::AccessJwt,
    TableKind::AccessCheck,
];

/// What other programs call things, and what it is called here.
const OTHER_NAMES: [(&str, &str); 39] = [
    ("address", "listen"),
    ("agent", "user_agent"),
    ("base_url", "public_url"),
    ("bind", "listen"),
    ("bitrate", "video_bitrate"),
    ("ca_file", "ca"),
    ("category", "group"),
    ("certificate", "cert"),
    ("domain", "domains"),
    ("email", "contact"),
    ("endpoint", "url"),
    ("epg", "guide"),
    ("epg_id", "tvg_id"),
    ("external_url", "public_url"),
    ("freeze", "frozen"),
    ("holddown", "hold_down"),
    ("host", "listen"),
    ("http_headers", "headers"),
    ("icon", "logo"),
    ("idle_timeout", "grace_period"),
    ("input", "source"),
    ("part_target", "part_duration"),
    ("path", "source"),
    ("port", "listen"),
    ("private_key", "key"),
    ("profiles", "ladder"),
    ("renditions", "ladder"),
    ("sandbox", "cage"),
    ("signing_key", "secret"),
    ("silence", "silent"),
    ("storage", "folder"),
    ("timeout", "start_timeout"),
    ("title", "name"),
    ("token", "secret"),
    ("tuner_count", "tuners"),
    ("trusted_proxy", "trusted_proxies"),
    ("url", "source"),
    ("username", "name"),
    ("xmltv", "guide"),
];

/// The keys of `[limits]`.
const LIMITS: &[&str] = &[
    "header_timeout",
    "body_timeout",
    "idle_timeout",
    "write_timeout",
    "answer_timeout",
    "max_header_bytes",
    "max_headers",
    "max_body_bytes",
    "http2_streams",
    "reserved_descriptors",
    "max_starting",
    "max_segment_memory",
    "shed_memory",
    "shed_cpu",
];

// === impl TableKind ===

impl TableKind {
    /// The keys of the table, most important first.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Root => &[
                "server",
                "defaults",
                "channel",
                "webhook",
                "guide",
                "hdhomerun",
                "limits",
                "operators",
                "user",
                "access",
            ],
            Self::Server => &[
                "listen",
                "public_url",
                "ffmpeg",
                "cage",
                "max_connections",
                "max_connections_per_address",
                "max_sessions",
                "state",
                "trusted_proxies",
                "allow_private",
                "tls",
                "acme",
            ],
            Self::Tls => &["listen", "cert", "key", "redirect"],
            Self::Acme => &["domains", "contact", "directory", "folder", "ca"],
            Self::Defaults => &[
                "grace_period",
                "start_timeout",
                "slate_after",
                "hold_down",
                "lost_when",
                "segment_duration",
                "part_duration",
                "window",
                "ladder",
                "access",
                "max_viewers",
            ],
            Self::Channel => &[
                "id",
                "name",
                "source",
                "sources",
                "logo",
                "number",
                "group",
                "tvg_id",
                "guide",
                "grace_period",
                "start_timeout",
                "slate_after",
                "hold_down",
                "lost_when",
                "segment_duration",
                "part_duration",
                "window",
                "ladder",
                "access",
                "max_viewers",
            ],
            Self::Source => &["url", "name", "timeout", "user_agent", "headers"],
            Self::Rung => &["name", "height", "video_bitrate", "copy"],
            Self::LostWhen => &["black", "frozen", "silent"],
            Self::Webhook => &["url", "secret", "events", "channels"],
            Self::Guide => &["source", "refresh"],
            Self::HdHomeRun => &["tuners", "name", "device_id", "discovery", "ssdp"],
            Self::Limits => LIMITS,
            Self::Operators => &["listen", "tls", "hosts", "open", "audit_log", "token"],
            Self::Token => &["name", "role", "secret", "file", "sha256"],
            Self::User => &["name", "password"],
            Self::Access | Self::AccessKey | Self::AccessJwt | Self::AccessCheck => {
                self.keys_of_access()
            }
        }
    }

    fn keys_of_access(self) -> &'static [&'static str] {
        match self {
            Self::Access => &[
                "key",
                "segments",
                "max_viewers_per_token",
                "max_viewers_per_address",
                "jwt",
                "check",
            ],
            Self::AccessKey => &["id", "secret", "secret_file"],
            Self::AccessJwt => &[
                "algorithms",
                "jwks",
                "secret",
                "secret_file",
                "issuer",
                "audience",
                "channels_claim",
            ],
            _ => &["url", "timeout", "allow_for", "deny_for", "on_error"],
        }
    }

    /// How the table is called in messages.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Root => "the file, outside of any table",
            Self::Server => "`[server]`",
            Self::Tls => "`[server.tls]`",
            Self::Acme => "`[server.acme]`",
            Self::Defaults => "`[defaults]`",
            Self::Channel => "`[[channel]]`",
            Self::Source => "a source",
            Self::Rung => "a rung of a ladder",
            Self::LostWhen => "`lost_when`",
            Self::Webhook => "`[[webhook]]`",
            Self::Guide => "`[guide]`",
            Self::HdHomeRun => "`[hdhomerun]`",
            Self::Limits => "`[limits]`",
            Self::Operators => "`[operators]`",
            Self::Token => "`[[operators.token]]`",
            Self::User => "`[[user]]`",
            Self::Access => "`[access]`",
            Self::AccessKey => "`[[access.key]]`",
            Self::AccessJwt => "`[access.jwt]`",
            Self::AccessCheck => "`[access.check]`",
        }
    }

    /// What to write instead of an unknown key.
    pub(super) fn advice(self, unknown: &str) -> String {
        let lower = unknown.to_ascii_lowercase().replace('-', "_");
        if let Some(key) = self.nearest(&lower) {
            return format!("did you mean `{key}`?");
        }
        let home = ALL
            .into_iter()
            .find(|table| table.keys().contains(&lower.as_str()));
        if let Some(home) = home {
            return format!("`{lower}` belongs in {}", home.title());
        }
        let known: Vec<String> = self.keys().iter().map(|key| format!("`{key}`")).collect();
        format!("the keys here are {}", known.join(", "))
    }

    /// The key that was most likely meant.
    pub(super) fn nearest(self, unknown: &str) -> Option<&'static str> {
        let keys = self.keys();
        let same = keys.iter().find(|key| **key == unknown);
        let other = OTHER_NAMES
            .iter()
            .find(|(name, key)| *name == unknown && keys.contains(key));
        same.copied()
            .or(other.map(|(_, key)| *key))
            .or_else(|| closest(unknown, keys))
    }
}

/// The candidate that needs the fewest changes, if they are few for its length.
pub(super) fn closest(text: &str, candidates: &[&'static str]) -> Option<&'static str> {
    if text.len() > 64 {
        return None;
    }
    candidates
        .iter()
        .map(|candidate| (distance(text, candidate), *candidate))
        .filter(|(changes, candidate)| {
            *changes <= candidate.len().min(text.len()).div_ceil(3).min(3)
        })
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, candidate)| candidate)
}

/// How many characters to insert, remove, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_finds_what_was_meant() {
        for (table, unknown, advice) in [
            (
                TableKind::Channel,
                "grace_perid",
                "did you mean `grace_period`?",
            ),
            (
                TableKind::Channel,
                "Grace-Period",
                "did you mean `grace_period`?",
            ),
            (TableKind::Channel, "naem", "did you mean `name`?"),
            (TableKind::Channel, "title", "did you mean `name`?"),
            (TableKind::Root, "channels", "did you mean `channel`?"),
            (TableKind::Rung, "bitrate", "did you mean `video_bitrate`?"),
            (
                TableKind::Server,
                "window",
                "`window` belongs in `[defaults]`",
            ),
            (
                TableKind::Source,
                "frobnicate",
                "the keys here are `url`, `name`, `timeout`, `user_agent`, `headers`",
            ),
        ] {
            assert_eq!(table.advice(unknown), advice, "{unknown}");
        }
        assert_eq!(closest(&"x".repeat(100), TableKind::Rung.keys()), None);
    }

    #[test]
    fn distance_counts_a_swap_once() {
        assert_eq!(distance("naem", "name"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
