//! What must hold for the file that remembers numbers, whoever wrote into it; see `crate::fuzzing`.

use super::ledger::Ledger;
use crate::base::ChannelId;
use crate::hls::Timeline;
use jiff::Timestamp;

/// A file that can be read gives numbers, and the numbers of the next timeline are above them; any other is refused.
pub(crate) fn state_file(input: &[u8]) {
    let Ok(ledger) = Ledger::parse(input) else {
        return;
    };
    let now = Timestamp::from_second(1_800_000_000).expect("it is in range");
    for channel in ["a", "news"] {
        let channel = ChannelId::new(channel).expect("it is an identifier");
        let floor = ledger.floor(&channel);
        let next = Timeline::above(floor, now).numbers();
        assert!(next.discontinuity > floor.discontinuity);
        ledger.give_out(&channel, next.discontinuity);
        assert!(ledger.floor(&channel).discontinuity >= floor.discontinuity);
    }
}
