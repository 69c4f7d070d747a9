//! How well the cage holds on this host, in words for people and in one word for machines.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

/// How well ffmpeg is caged on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CageReport {
    /// Every layer holds.
    Enforced,
    /// Some do; these do not.
    Partial(Vec<Missing>),
    /// None does that would stop ffmpeg from anything, for this reason.
    None(String),
}

/// A layer that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Which.
    pub layer: Layer,
    /// Why, and what ffmpeg can therefore do.
    pub why: String,
}

/// What the cage is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Files are read by permission only, nothing is written, no other program is run: Landlock.
    Files,
    /// TCP goes to permitted ports only: Landlock from its fourth version on.
    Ports,
    /// No signals and no abstract sockets to processes outside: Landlock from its sixth version on.
    Scopes,
    /// System calls that decoding does not need are refused: seccomp.
    Calls,
    /// It is not root.
    User,
}

// === impl CageReport ===

impl CageReport {
    /// From what is missing.
    pub fn of(mut missing: Vec<Missing>) -> Self {
        missing.sort_by_key(|missing| missing.layer);
        let lacks = |layer| missing.iter().any(|missing| missing.layer == layer);
        if missing.is_empty() {
            return Self::Enforced;
        }
        if lacks(Layer::Files) && lacks(Layer::Calls) {
            let mut reasons: Vec<String> = missing.into_iter().map(|missing| missing.why).collect();
            reasons.dedup();
            return Self::None(reasons.join("; "));
        }
        Self::Partial(missing)
    }

    /// `enforced`, `partial` or `none`.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Partial(_) => "partial",
            Self::None(_) => "none",
        }
    }

    /// Whether every layer holds.
    pub fn is_enforced(&self) -> bool {
        *self == Self::Enforced
    }

    /// What is not there, for people, one sentence each.
    pub fn missing(&self) -> Vec<String> {
        match self {
            Self::Enforced => Vec::new(),
            Self::Partial(missing) => missing.iter().map(ToString::to_string).collect(),
            Self::None(why) => vec![why.clone()],
        }
    }
}

impl fmt::Display for CageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enforced => f.write_str("enforced"),
            _ => write!(f, "{} ({})", self.status(), self.missing().join("; ")),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.layer.name(), self.why)
    }
}

// === impl Missing ===

impl Missing {
    /// A layer, and why it is not there.
    pub fn new(layer: Layer, why: impl Into<String>) -> Self {
        Self {
            layer,
            why: why.into(),
        }
    }

    /// One line of text; [`Self::parse`] reads it.
    pub fn line(&self) -> String {
        format!(
            "{}\t{}",
            self.layer.name(),
            self.why.replace(['\n', '\t'], " ")
        )
    }

    /// The reverse of [`Self::line`].
    pub fn parse(line: &str) -> Option<Self> {
        let (name, why) = line.split_once('\t')?;
        Some(Self::new(Layer::parse(name)?, why))
    }
}

// === impl Layer ===

impl Layer {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Files,
        Self::Ports,
        Self::Scopes,
        Self::Calls,
        Self::User,
    ];

    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Ports => "ports",
            Self::Scopes => "scopes",
            Self::Calls => "calls",
            Self::User => "user",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_is_missing() {
        assert_eq!(CageReport::of(Vec::new()).to_string(), "enforced");
        let ports = Missing::new(Layer::Ports, "this kernel is too old");
        let partial = CageReport::of(vec![ports.clone()]);
        assert_eq!(
            partial.to_string(),
            "partial (ports: this kernel is too old)"
        );
        assert_eq!(partial.status(), "partial");
        assert!(!partial.is_enforced());
        let files = Missing::new(Layer::Files, "no Landlock");
        let calls = Missing::new(Layer::Calls, "no seccomp");
        let none = CageReport::of(vec![calls, ports, files]);
        let said = "none (no Landlock; this kernel is too old; no seccomp)";
        assert_eq!(none.to_string(), said);
    }

    #[test]
    fn lines_are_read_back() {
        for layer in Layer::ALL {
            let missing = Missing::new(layer, "because");
            assert_eq!(Missing::parse(&missing.line()), Some(missing));
        }
        let odd = Missing::new(Layer::User, "a\tb\nc");
        assert_eq!(Missing::parse(&odd.line()).unwrap().why, "a b c");
        assert_eq!(Missing::parse("files"), None);
        assert_eq!(Missing::parse("nothing\tx"), None);
    }
}
