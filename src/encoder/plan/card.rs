//! The pictures and the sound that ffmpeg makes itself: the test card and the slate.

use std::time::Duration;

use super::capabilities::{Capabilities, TextSupport};
use super::facts::CARD_SIZE;
use super::pacing::{self, LIMIT};
use super::text;

/// Frames a second of every card.
pub(super) const CARD_RATE: u32 = 30;

/// What a card shows.
#[derive(Debug)]
pub(super) struct Card<'a> {
    /// The channel's name.
    pub(super) name: &'a str,
    /// The slate's text; `None` is the test card.
    pub(super) notice: Option<&'a str>,
    /// How much media comes at once.
    pub(super) lead: Duration,
}

/// A line of text on a card.
struct Line<'a> {
    /// Ready for the filter.
    text: String,
    expansion: &'static str,
    size: u32,
    colour: &'static str,
    /// The filter's expression for the upper edge.
    y: &'a str,
}

/// Characters of the largest line that fit the width.
const MAX_CHARACTERS: usize = 48;

/// Whether a filter graph draws this name of a channel, as far as it fits the picture.
pub(super) fn draws_name(graph: &str, name: &str) -> bool {
    let line = Line::of_people(name, "", 0);
    graph.contains(&format!("text={}:expansion={}:", line.text, line.expansion))
}

// === impl Card ===

impl Card<'_> {
    /// A chain of filters without input: pictures at the pace of the clock, timestamps in frames.
    pub(super) fn video(&self, capabilities: &Capabilities) -> String {
        let mut chain = vec![self.picture(), pacing::video(self.lead)];
        chain.push(self.clock());
        chain.extend(self.lines(capabilities));
        // Back from the wall clock to the timeline. Made pictures have no gaps: counting is exact.
        chain.push(format!("settb=1/{CARD_RATE},setpts=N"));
        chain.join(",")
    }

    /// A chain of filters without input: a beep with each whole second of the timeline, or silence.
    pub(super) fn audio(&self) -> String {
        let sound = match self.notice {
            None => "aevalsrc=exprs='0.25*sin(2*PI*1000*t)*lt(mod(t,1),0.08)':sample_rate=48000",
            Some(_) => "anullsrc=sample_rate=48000:channel_layout=stereo",
        };
        let pace = pacing::audio(self.lead);
        format!("{sound},{pace},aformat=sample_rates=48000:channel_layouts=stereo")
    }

    fn picture(&self) -> String {
        let (width, height) = CARD_SIZE;
        match self.notice {
            // The white bar flashes with the beep: sound and picture can be compared by eye and ear.
            None => format!(
                "testsrc2=size={width}x{height}:rate={CARD_RATE},\
                 drawbox=x=0:y=232:w=iw:h=256:color=black@0.72:t=fill,\
                 drawbox=x=0:y=488:w=iw:h=16:color=white:t=fill:enable='lt(mod(t,1),0.08)'"
            ),
            Some(_) => format!("color=color=0x14202b:size={width}x{height}:rate={CARD_RATE}"),
        }
    }

    /// Makes the timestamps the wall clock, for the text that is burnt in.
    ///
    /// The first picture takes the time of day minus the lead, and every other follows by its distance on the
    /// timeline: so the clock runs evenly also through the burst, and is true from its end on. When the pace was
    /// lost for longer than the limit (a machine that slept), `realtime` counts anew, and so does this.
    fn clock(&self) -> String {
        let lead = self.lead.as_secs_f64();
        let paced = format!("max(T-{lead},0)");
        format!(
            "settb=1/1000000,setpts='\
             if(not(N)+gt(abs(RTCTIME/1000000-ld(0)-{paced}),{LIMIT}),st(0,RTCTIME/1000000-{paced}));\
             round((ld(0)+T-{lead})/TB)'"
        )
    }

    fn lines(&self, capabilities: &Capabilities) -> Vec<String> {
        let name = Line::of_people(self.name, "h/2-104", 56);
        let clock = Line {
            text: clock_text(),
            expansion: "normal",
            size: 72,
            colour: "0xffd75f",
            y: match self.notice {
                None => "h/2-24",
                Some(_) => "h/2+80",
            },
        };
        let notice = self.notice.map(|text| Line::of_people(text, "h/2-20", 44));
        let lines = [Some(name), notice, Some(clock)];
        lines
            .iter()
            .flatten()
            .filter_map(|line| line.filter(&capabilities.text))
            .collect()
    }
}

// === impl Line ===

impl<'a> Line<'a> {
    /// A text that people wrote: shown as it stands, smaller when it is long.
    fn of_people(words: &str, y: &'a str, size: u32) -> Self {
        let words = text::shorten(words, MAX_CHARACTERS);
        let length = u32::try_from(words.chars().count()).unwrap_or(u32::MAX);
        // A character is about 0.6 of the size wide; 40 pixels stay free on both sides.
        let fitting = (CARD_SIZE.0 - 80) * 10 / (6 * length.max(1));
        Self {
            text: text::option_value(&words),
            expansion: "none",
            size: size.min(fitting),
            colour: "white",
            y,
        }
    }

    /// `None` where there is nothing to write, or nothing to write with.
    fn filter(&self, support: &TextSupport) -> Option<String> {
        let font = match support {
            TextSupport::None => return None,
            TextSupport::System => String::new(),
            TextSupport::Font(path) => {
                format!("fontfile={}:", text::option_value(&path.to_string_lossy()))
            }
        };
        // drawtext refuses an empty text; an escaped one is empty only if it was.
        (!self.text.is_empty()).then(|| {
            format!(
                "drawtext={font}text={}:expansion={}:fontsize={}:fontcolor={}:x=(w-text_w)/2:y={}",
                self.text, self.expansion, self.size, self.colour, self.y
            )
        })
    }
}

/// Hours, minutes, seconds and milliseconds of the picture's timestamp, which [`Card::clock`] has made the time of day.
fn clock_text() -> String {
    let digits = |value: &str, width: u32| {
        // The expansion ends an argument at `:` and `}`; nothing in these expressions contains them.
        format!("%{{eif:{value}:d:{width}}}")
    };
    let text = format!(
        "{}:{}:{}.{} UTC",
        digits("mod(floor(t/3600),24)", 2),
        digits("mod(floor(t/60),60)", 2),
        digits("mod(floor(t),60)", 2),
        digits("mod(floor(t*1000),1000)", 3),
    );
    text::option_value(&text)
}
