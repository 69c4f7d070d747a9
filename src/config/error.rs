//! What was wrong with a configuration, in words for the person who wrote it.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::load::MAX_FILE_SIZE;

/// Why there is no configuration. `Display` is for people: several lines, without a line break at the end.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no file at this path.
    #[error(
        "error: there is no configuration at {}\n  = help: name the file with `--config FILE`, or start where `channels.toml` is",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The system refused to read the file.
    #[error("error: cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than any configuration.
    #[error(
        "error: the configuration {} is larger than {} MiB\n  = help: check that this is the file you mean",
        path.display(),
        MAX_FILE_SIZE >> 20
    )]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// The file is not text.
    #[error(
        "error: the configuration is not UTF-8 text\n --> {}:{line}:{column}\n  = help: save the file as UTF-8",
        path.display()
    )]
    NotUtf8 {
        /// Which file.
        path: PathBuf,
        /// The line of the first byte that is not UTF-8, from 1.
        line: usize,
        /// Its position in the line in characters, from 1.
        column: usize,
    },
    /// The file was read, but what it says is wrong.
    #[error("{0}")]
    Invalid(Box<Invalid>),
}

/// A file's problems, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    pub(super) origin: PathBuf,
    pub(super) problems: Vec<Problem>,
    /// How many more were found than are kept.
    pub(super) unlisted: usize,
}

/// One thing that is wrong, and where. Credentials in the excerpt are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line in the file, from 1.
    pub line: usize,
    /// The position in the line in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    #[serde(skip)]
    pub(super) excerpt: Excerpt,
    /// Another place that the problem is about.
    #[serde(skip)]
    pub(super) also: Option<Excerpt>,
}

/// A line of the file with a part of it underlined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) line: usize,
    pub(super) column: usize,
    /// The line, masked; `None` if it is too long to show.
    pub(super) text: Option<String>,
    /// What to underline, in bytes of `text`.
    pub(super) range: Range<usize>,
    pub(super) label: Option<String>,
}

// === impl ConfigError ===

impl ConfigError {
    /// Every problem of the file in its order; none if the file could not be read as text at all.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid(invalid) => &invalid.problems,
            _ => &[],
        }
    }

    /// One line: the place and the words of the first problem, and how many there are.
    pub fn summary(&self) -> String {
        let Self::Invalid(invalid) = self else {
            let text = self.to_string();
            let first = text.lines().next().unwrap_or_default();
            return first.trim_start_matches("error: ").to_owned();
        };
        let origin = invalid.origin.display();
        let Some(first) = invalid.problems.first() else {
            return origin.to_string();
        };
        let more = match invalid.problems.len() + invalid.unlisted {
            0 | 1 => String::new(),
            count => format!(" ({count} problems)"),
        };
        format!(
            "{origin}:{}:{}: {}{more}",
            first.line, first.column, first.message
        )
    }

    /// Like `Display`, with the colours of a terminal.
    pub fn to_styled_string(&self) -> String {
        match self {
            Self::Invalid(invalid) => invalid.render(&Renderer::styled()),
            other => other.to_string(),
        }
    }
}

// === impl Invalid ===

impl Invalid {
    fn render(&self, renderer: &Renderer) -> String {
        let mut text = String::new();
        for problem in &self.problems {
            text.push_str(&problem.render(&self.origin, renderer));
            text.push_str("\n\n");
        }
        let count = self.problems.len() + self.unlisted;
        let plural = if count == 1 { "" } else { "s" };
        text.push_str(&format!(
            "{}: {count} problem{plural}",
            self.origin.display()
        ));
        if self.unlisted > 0 {
            text.push_str(&format!("; the first {} are shown", self.problems.len()));
        }
        text
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

// === impl Problem ===

impl Problem {
    fn render(&self, origin: &Path, renderer: &Renderer) -> String {
        let path = origin.display().to_string();
        let title = Level::ERROR.primary_title(self.message.as_str());
        let mut group = match self.excerpt.snippet(&path, AnnotationKind::Primary) {
            Ok(snippet) => title.element(snippet),
            Err(origin) => title.element(origin),
        };
        if let Some(also) = &self.also {
            group = match also.snippet(&path, AnnotationKind::Context) {
                Ok(snippet) => group.element(snippet),
                Err(origin) => group.element(origin),
            };
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

// === impl Excerpt ===

impl Excerpt {
    /// The line underlined, or only its place if it is too long to show.
    fn snippet<'a>(
        &'a self,
        path: &'a str,
        kind: AnnotationKind,
    ) -> Result<Snippet<'a, annotate_snippets::Annotation<'a>>, Origin<'a>> {
        match &self.text {
            Some(text) => Ok(Snippet::source(text.as_str())
                .path(path)
                .line_start(self.line)
                .annotation(
                    kind.span(self.range.clone())
                        .label(self.label.as_deref().unwrap_or_default()),
                )),
            None => Err(Origin::path(path).line(self.line).char_column(self.column)),
        }
    }
}
