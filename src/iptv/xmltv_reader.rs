//! Reads somebody's XMLTV guide as a stream: of a hundred megabytes only what is wanted is kept.
//!
//! A guide is taken as a whole or not at all: one that breaks off in the middle is an error, and the one before stays in
//! force. Entities of a document are not expanded, elements nest only so deep, and no event, field, channel or guide
//! grows beyond a bound.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::programme::{Guide, Programme};
use super::xmltv_values::{attribute, clean, resolve, time};

/// The most bytes of one tag or text.
const MAX_EVENT: u64 = 1 << 20;
/// How deep elements may nest; guides need four levels.
const MAX_DEPTH: usize = 32;
/// The most programmes of a channel, and of a guide.
const MAX_OF_CHANNEL: usize = 2_000;
const MAX_PROGRAMMES: usize = 500_000;
/// The most bytes of text that are kept of a guide.
const MAX_KEPT: usize = 256 << 20;
/// The most characters of a title and of a description.
const MAX_TITLE: usize = 300;
const MAX_DESCRIPTION: usize = 4_000;
const MAX_URL: usize = 2_048;
/// The most categories and episode numbers of a programme.
const MAX_LIST: usize = 8;

/// Why a guide is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no XML, or not to be read to its end.
    #[error("it cannot be read at byte {at}: {reason}")]
    Broken {
        /// Where.
        at: u64,
        /// What the reader said.
        reason: String,
    },
    /// It is XML of another kind.
    #[error("it is not XMLTV: its first element is not <tv>")]
    NotXmltv,
    /// It ends within an element.
    #[error("it ends in the middle")]
    Unfinished,
    /// It holds more than is kept.
    #[error("it is too large: {0}")]
    TooLarge(&'static str),
}

/// Which programmes are kept.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What the guide calls the channels.
    pub channels: HashSet<String>,
    /// Those that overlap with this time.
    pub window: Range<Timestamp>,
}

/// A reader that counts the bytes of one event, and refuses more than there should be.
struct Metered<R> {
    inner: R,
    used: Rc<Cell<u64>>,
}

/// A document that is being read.
struct Reading<'w> {
    wanted: &'w Wanted,
    /// How many elements are around.
    depth: usize,
    is_tv: bool,
    /// The programme that is open, and what the guide calls its channel.
    open: Option<(String, Draft)>,
    /// The element of the programme whose text is collected.
    field: Option<Field>,
    text: String,
    drafts: HashMap<Box<str>, Vec<Draft>>,
    count: usize,
    kept: usize,
}

/// A programme that may have no end yet.
struct Draft {
    stop: Option<Timestamp>,
    programme: Programme,
}

/// An element of a programme that has text.
enum Field {
    Title(Option<String>),
    Subtitle,
    Description,
    Category,
    Episode(String),
}

/// Reads a guide.
///
/// # Errors
/// When it is not a whole XMLTV document within bounds.
pub fn read(source: impl BufRead, wanted: &Wanted) -> Result<Guide, ReadError> {
    let used = Rc::new(Cell::new(0));
    let metered = Metered {
        inner: source,
        used: used.clone(),
    };
    let mut reader = Reader::from_reader(metered);
    reader.config_mut().allow_dangling_amp = true;
    let mut reading = Reading::new(wanted);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        used.set(0);
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => {
                let reason = error.to_string();
                return Err(ReadError::Broken {
                    at: reader.error_position(),
                    reason,
                });
            }
        };
        if matches!(event, Event::Eof) {
            return reading.finish();
        }
        reading.take(&event)?;
    }
}

// === impl Metered ===

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used.get() > MAX_EVENT {
            return Err(io::Error::other("a tag or a text is far too long"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.used.set(self.used.get() + amount as u64);
        self.inner.consume(amount);
    }
}

// === impl Reading ===

impl<'w> Reading<'w> {
    fn new(wanted: &'w Wanted) -> Self {
        Self {
            wanted,
            depth: 0,
            is_tv: false,
            open: None,
            field: None,
            text: String::new(),
            drafts: HashMap::new(),
            count: 0,
            kept: 0,
        }
    }

    fn take(&mut self, event: &Event<'_>) -> Result<(), ReadError> {
        match event {
            Event::Start(tag) => {
                self.start(tag)?;
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(ReadError::TooLarge("elements nest too deep"));
                }
            }
            Event::Empty(tag) => {
                self.start(tag)?;
                self.end(self.depth)?;
            }
            Event::End(_) => {
                self.depth -= 1;
                self.end(self.depth)?;
            }
            Event::Text(text) => self.push(&text.xml10_content()),
            Event::CData(text) => self.push(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let resolved = resolve(entity);
                self.push(&resolved);
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), ReadError> {
        let name = tag.name().into_inner();
        match self.depth {
            0 if name == "tv" => self.is_tv = true,
            0 => return Err(ReadError::NotXmltv),
            1 if name == "programme" => self.open = self.programme(tag),
            2 if self.open.is_some() => self.child(name, tag),
            _ => {}
        }
        Ok(())
    }

    /// A programme that is wanted.
    fn programme(&self, tag: &BytesStart<'_>) -> Option<(String, Draft)> {
        let channel = attribute(tag, "channel")?;
        if !self.wanted.channels.contains(channel.as_str()) {
            return None;
        }
        let start = time(&attribute(tag, "start")?)?;
        let stop = attribute(tag, "stop").and_then(|text| time(&text));
        let window = &self.wanted.window;
        let is_over = stop.is_some_and(|stop| stop <= window.start || stop <= start);
        if is_over || start >= window.end {
            return None;
        }
        let programme = Programme {
            start,
            stop: start,
            title: Box::default(),
            language: None,
            subtitle: None,
            description: None,
            categories: Vec::new(),
            icon: None,
            episodes: Vec::new(),
            is_new: false,
        };
        Some((channel, Draft { stop, programme }))
    }

    fn child(&mut self, name: &str, tag: &BytesStart<'_>) {
        self.text.clear();
        self.field = match name {
            "title" => Some(Field::Title(attribute(tag, "lang"))),
            "sub-title" => Some(Field::Subtitle),
            "desc" => Some(Field::Description),
            "category" => Some(Field::Category),
            "episode-num" => Some(Field::Episode(
                attribute(tag, "system").unwrap_or_else(|| "onscreen".into()),
            )),
            _ => None,
        };
        let Some((_, draft)) = &mut self.open else {
            return;
        };
        if name == "new" {
            draft.programme.is_new = true;
        }
        if name == "icon" && draft.programme.icon.is_none() {
            let is_url = |url: &String| {
                let known = url.starts_with("http://") || url.starts_with("https://");
                known && url.len() <= MAX_URL
            };
            draft.programme.icon = attribute(tag, "src").filter(is_url).map(Into::into);
        }
    }

    fn push(&mut self, text: &str) {
        if self.field.is_some() && self.text.len() < MAX_DESCRIPTION * 4 {
            self.text.push_str(text);
        }
    }

    /// An element has ended that stood at this depth.
    fn end(&mut self, depth: usize) -> Result<(), ReadError> {
        match depth {
            2 => self.close_field(),
            1 => self.close_programme()?,
            _ => {}
        }
        Ok(())
    }

    fn close_field(&mut self) {
        let (Some(field), Some((_, draft))) = (self.field.take(), &mut self.open) else {
            return;
        };
        let programme = &mut draft.programme;
        let most = match field {
            Field::Description => MAX_DESCRIPTION,
            _ => MAX_TITLE,
        };
        let text = clean(&self.text, most);
        if text.is_empty() {
            return;
        }
        match field {
            // The first of several languages.
            Field::Title(language) if programme.title.is_empty() => {
                programme.title = text;
                programme.language = language.map(|text| clean(&text, 35));
            }
            Field::Subtitle => programme.subtitle = programme.subtitle.take().or(Some(text)),
            Field::Description => {
                programme.description = programme.description.take().or(Some(text));
            }
            Field::Category if programme.categories.len() < MAX_LIST => {
                programme.categories.push(text);
            }
            Field::Episode(system) if programme.episodes.len() < MAX_LIST => {
                programme.episodes.push((clean(&system, 50), text));
            }
            _ => {}
        }
    }

    fn close_programme(&mut self) -> Result<(), ReadError> {
        let Some((channel, draft)) = self.open.take() else {
            return Ok(());
        };
        if draft.programme.title.is_empty() {
            return Ok(());
        }
        let of_channel = self.drafts.entry(channel.into()).or_default();
        if of_channel.len() == MAX_OF_CHANNEL {
            return Ok(());
        }
        self.count += 1;
        self.kept += size(&draft.programme);
        if self.count > MAX_PROGRAMMES || self.kept > MAX_KEPT {
            return Err(ReadError::TooLarge("more programmes than can be kept"));
        }
        of_channel.push(draft);
        Ok(())
    }

    fn finish(self) -> Result<Guide, ReadError> {
        if !self.is_tv {
            return Err(ReadError::NotXmltv);
        }
        if self.depth > 0 {
            return Err(ReadError::Unfinished);
        }
        let window = &self.wanted.window;
        let ended = |(channel, drafts)| (channel, end_all(drafts, window));
        Ok(Guide::new(self.drafts.into_iter().map(ended)))
    }
}

/// Programmes without an end last until the next one begins, or an hour.
fn end_all(mut drafts: Vec<Draft>, window: &Range<Timestamp>) -> Vec<Programme> {
    drafts.sort_by_key(|draft| draft.programme.start);
    let starts: Vec<Timestamp> = drafts.iter().map(|draft| draft.programme.start).collect();
    let ended = |draft: Draft| {
        let start = draft.programme.start;
        let next = starts.get(starts.partition_point(|other| *other <= start));
        let stop = draft.stop.or(next.copied());
        Programme {
            stop: stop.unwrap_or(start + SignedDuration::from_hours(1)),
            ..draft.programme
        }
    };
    let all = drafts.into_iter().map(ended);
    all.filter(|programme| programme.stop > window.start)
        .collect()
}

/// What a programme takes, in bytes, about.
fn size(programme: &Programme) -> usize {
    let texts = [&programme.subtitle, &programme.description, &programme.icon];
    let texts: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
    let lists: usize = programme
        .categories
        .iter()
        .map(|text| text.len() + 16)
        .sum();
    let numbers = programme.episodes.iter();
    let numbers: usize = numbers
        .map(|(system, text)| system.len() + text.len() + 32)
        .sum();
    size_of::<Programme>() + programme.title.len() + texts + lists + numbers
}

#[cfg(test)]
#[path = "xmltv_reader_tests.rs"]
mod tests;
