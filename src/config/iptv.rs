//! What IPTV front ends need: the guide, the network tuner and the users, from what was written to what it means.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::address::listen;
use super::channel::take;
use super::iptv_tables::{GuideTable, HdHomeRunTable, UserTable};
use super::label::mask_url;
use super::model::{GuideSource, GuideSpec, HdHomeRunSpec, UserSpec};
use super::report::{Refusal, Report};
use super::secret::Secret;
use super::value::{duration, name_char, plain_text, show_duration, within};
use super::webhook;

const DEFAULT_REFRESH: Duration = Duration::from_secs(4 * 3600);
const REFRESH: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(7 * 24 * 3600);
const DEFAULT_TUNERS: usize = 4;
/// More than any front end asks for at a time.
const MAX_TUNERS: i64 = 64;
/// The longest path of a guide, in bytes.
const MAX_PATH: usize = 4096;
/// How long names and passwords may be, in characters.
const MAX_WORD: usize = 64;
const MIN_PASSWORD: usize = 8;
/// What a URL of the gateway begins with, so that no user can be called so.
const TAKEN: [&str; 7] = ["api", "assets", "auto", "debug", "live", "metrics", "t"];

// === impl GuideSource ===

impl GuideSource {
    /// How people call it: a file's name, or scheme and host of a URL.
    pub fn label(&self) -> String {
        match self {
            Self::File(path) => match path.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => "file".to_owned(),
            },
            Self::Url(url) => mask_url(url.expose()).unwrap_or_else(|| "guide".to_owned()),
        }
    }
}

/// The `[guide]` table.
pub(super) fn read_guide(
    table: &GuideTable<'_>,
    folder: &Path,
    report: &mut Report<'_>,
) -> GuideSpec {
    let refresh = take(&table.refresh, report, |text| {
        within("refresh", duration(text)?, REFRESH, show_duration)
    });
    GuideSpec {
        source: take(&table.source, report, |text| source("source", text, folder)),
        refresh: refresh.unwrap_or(DEFAULT_REFRESH),
    }
}

/// Where an XMLTV document is: an http(s) URL, or a path that starts at the folder of the file.
pub(super) fn source(key: &str, text: &str, folder: &Path) -> Result<GuideSource, Refusal> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return webhook::url(key, text).map(GuideSource::Url);
    }
    let help = "write the path of an XMLTV file, or its http or https URL";
    let refuse = |message: String| Err(Refusal::new(message, help));
    if text.contains("://") {
        return refuse(format!(
            "`{key}` is neither a file nor an http or https URL"
        ));
    }
    if text.trim().is_empty() || text.ends_with('/') || text.len() > MAX_PATH {
        return refuse(format!("`{key}` is not the path of a file"));
    }
    if text.starts_with('~') {
        return refuse(format!(
            "`{key}` begins with `~`, which is not replaced by a home folder here"
        ));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => refuse(format!("`{key}` holds {}", name_char(c))),
        None => Ok(GuideSource::File(folder.join(text))),
    }
}

/// The `[hdhomerun]` table.
pub(super) fn read_hdhomerun(table: &HdHomeRunTable<'_>, report: &mut Report<'_>) -> HdHomeRunSpec {
    let tuners = take(&table.tuners, report, |number| {
        within("tuners", *number, 0..=MAX_TUNERS, |n| n.to_string())
    });
    let tuners = tuners.and_then(|number| usize::try_from(number).ok());
    let built_in = HdHomeRunSpec::default();
    HdHomeRunSpec {
        tuners: tuners.unwrap_or(built_in.tuners),
        name: take(&table.name, report, |text| plain_text("name", text)).unwrap_or(built_in.name),
        device_id: take(&table.device_id, report, |text| device_id(text)),
        discovery: take(&table.discovery, report, |text| listen(text)),
        ssdp: take(&table.ssdp, report, |text| listen(text)),
    }
}

/// Eight hexadecimal digits that fit their checksum: clients ignore devices whose number does not.
fn device_id(text: &str) -> Result<u32, Refusal> {
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u32::from_str_radix(text, 16).ok().filter(|_| digits);
    let Some(number) = number else {
        return Err(Refusal::new(
            "`device_id` is not made of eight hexadecimal digits",
            "write for example `\"1010C032\"`, or leave it out",
        ));
    };
    let valid = HdHomeRunSpec::with_checksum(number);
    if number == valid {
        return Ok(number);
    }
    Err(Refusal::new(
        "`device_id` does not fit its checksum, so clients would ignore the device",
        format!("write `\"{valid:08X}\"`"),
    ))
}

// === impl HdHomeRunSpec ===

impl HdHomeRunSpec {
    /// The number with its last digit chosen so that the checksum of device numbers comes out right.
    pub fn with_checksum(number: u32) -> u32 {
        const LOOKUP: [u32; 16] = [
            0xA, 0x5, 0xF, 0x6, 0x7, 0xC, 0x1, 0xB, 0x9, 0x2, 0x8, 0xD, 0x4, 0x3, 0xE, 0x0,
        ];
        let nibble = |shift: u32| number >> shift & 0xF;
        let looked_up = [28, 20, 12, 4].map(|shift| LOOKUP[nibble(shift) as usize]);
        let plain = [24, 16, 8].map(nibble);
        let checksum = looked_up.iter().chain(&plain).fold(0, |sum, n| sum ^ n);
        number & !0xF | checksum
    }
}

impl Default for HdHomeRunSpec {
    fn default() -> Self {
        Self {
            tuners: DEFAULT_TUNERS,
            name: "Headgate".to_owned(),
            device_id: None,
            discovery: None,
            ssdp: None,
        }
    }
}

/// All `[[user]]` tables.
pub(super) fn read_users(tables: &[UserTable<'_>], report: &mut Report<'_>) -> Vec<UserSpec> {
    let mut seen = HashSet::new();
    let mut users = Vec::new();
    for table in tables {
        for (field, key) in [(&table.name, "name"), (&table.password, "password")] {
            if field.is_absent() {
                report
                    .add(table.at.clone(), format!("the user has no `{key}`"))
                    .help(format!("write `{key} = \"…\"`"));
            }
        }
        let name = take(&table.name, report, |text| user_name(text));
        let password = take(&table.password, report, |text| password(text));
        if let Some(written) = table.name.given()
            && !seen.insert(*written.get_ref())
        {
            report
                .add(Spanned::span(written), "two users have this name")
                .help("give each user a name of its own");
        }
        if let (Some(name), Some(password)) = (name, password) {
            users.push(UserSpec { name, password });
        }
    }
    users
}

fn user_name(text: &str) -> Result<String, Refusal> {
    let help = "write 1 to 64 letters, digits, `-`, `_`, `.` or `~`: it stands in URLs";
    if !is_word(text) {
        return Err(Refusal::new("`name` cannot be a user's name", help));
    }
    match TAKEN.contains(&text) {
        true => Err(Refusal::new("`name` is the beginning of other URLs", help)),
        false => Ok(text.to_owned()),
    }
}

/// It is not repeated.
fn password(text: &str) -> Result<Secret, Refusal> {
    if is_word(text) && text.len() >= MIN_PASSWORD {
        return Ok(Secret::new(text));
    }
    Err(Refusal::new(
        format!(
            "`password` is not {MIN_PASSWORD} to {MAX_WORD} letters, digits, `-`, `_`, `.` or `~`"
        ),
        "write such a one: it stands in URLs; `openssl rand -hex 16` makes a good one",
    ))
}

/// What stands in a URL as it is.
fn is_word(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let is_dots = matches!(text, "." | "..");
    !text.is_empty() && text.len() <= MAX_WORD && !is_dots && text.bytes().all(fine)
}

/// What guides call a channel: any text on one line without quotes, which playlists cannot escape.
pub(super) fn tvg_id(text: &str) -> Result<String, Refusal> {
    let id = plain_text("tvg_id", text)?;
    match id.contains('"') {
        true => Err(Refusal::new(
            "`tvg_id` holds a quote, which playlists cannot",
            "write the id of the guide's channel without it",
        )),
        false => Ok(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_have_a_checksum() {
        for valid in [0x1043_9EFD, 0x1010_C032, 0x6130_470C] {
            assert_eq!(HdHomeRunSpec::with_checksum(valid), valid, "{valid:08X}");
            assert_ne!(HdHomeRunSpec::with_checksum(valid ^ 1), valid ^ 1);
        }
        assert_eq!(device_id("1010c032"), Ok(0x1010_C032));
        for wrong in ["12345678", "", "1010C03", "+010C032", "0x10C032"] {
            assert!(device_id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_guide_is_a_file_or_a_url() {
        let folder = Path::new("/etc/headgate");
        let read = |text| source("source", text, folder);
        let file = GuideSource::File("/etc/headgate/epg.xml.gz".into());
        assert_eq!(read("epg.xml.gz"), Ok(file));
        let url = read("https://joe:hunter2@tv.example/hunter2.xml").unwrap();
        assert_eq!(url.label(), "https://tv.example/…");
        assert!(!format!("{url:?}").contains("hunter2"));
        for wrong in ["", " ", "a/", "ftp://h/x", "http://", "a\nb", "~/x.xml"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn users_are_words_of_urls() {
        for wrong in ["", "..", "a b", "a/b", "jö", "live", &"x".repeat(65)] {
            assert!(user_name(wrong).is_err(), "{wrong}");
        }
        assert!(user_name("joe.1~x").is_ok());
        for wrong in ["short", "pass word", "p%20ssword"] {
            let refusal = password(wrong).unwrap_err();
            assert!(!format!("{refusal:?}").contains(wrong));
        }
    }
}
