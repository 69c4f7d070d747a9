//! Real time for sources that do not keep it themselves, after a burst.
//!
//! `-re` would give the first second of media after one second. A player needs a segment and some parts at once, so
//! the first `lead` of media passes unhindered and the rest at the pace of the clock. ffmpeg before 6.1 has no option
//! for it (`-readrate_initial_burst`); three filters do the same everywhere: timestamps before the lead are squeezed
//! to almost nothing, the `realtime` filter waits, and the squeeze is undone. It is undone by arithmetic and not by
//! counting frames, so that gaps stay where they are, sound and picture cannot drift apart, and a change of
//! the picture's size in the middle of a file (which starts the filters anew) changes nothing.

use std::time::Duration;

/// How much the lead is squeezed: 3 s become 3 ms.
const SQUEEZE: f64 = 0.001;

/// How far pace and clock may part, in seconds, before the pace is counted anew. Below it a slow start is made up for;
/// above it a machine has slept.
pub(super) const LIMIT: u32 = 10;

/// Fine enough that nothing is lost by squeezing: 48,000 squeezed samples a second differ by 21 of these units.
const NANOSECONDS: &str = "settb=1/1000000000";

/// The filters that let `lead` of pictures pass at once. Timestamps leave in nanoseconds.
pub(super) fn video(lead: Duration) -> String {
    paced(lead, "settb", "setpts", "realtime")
}

/// The same for sound.
pub(super) fn audio(lead: Duration) -> String {
    paced(lead, "asettb", "asetpts", "arealtime")
}

fn paced(lead: Duration, settb: &str, setpts: &str, realtime: &str) -> String {
    let lead = lead.as_secs_f64();
    let squeezed = lead * SQUEEZE;
    let skipped = lead - squeezed;
    let unit = NANOSECONDS.trim_start_matches("settb");
    format!(
        "{settb}{unit},\
         {setpts}='round(if(lt(T,{lead}),PTS*{SQUEEZE},PTS-{skipped:.9}/TB))',\
         {realtime}=limit={LIMIT},\
         {setpts}='round(if(lt(T,{squeezed:.9}),PTS/{SQUEEZE},PTS+{skipped:.9}/TB))'"
    )
}
