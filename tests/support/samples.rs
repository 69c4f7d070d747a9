//! What a segment holds, in seconds.

use headgate::media::{FragmentReader, MediaEvent};

/// Decode time of the first sample and the sum of all, in seconds.
pub(super) fn read(init: &[u8], body: &[u8], name: &str) -> (f64, f64) {
    let mut reader = FragmentReader::new();
    reader.push(init);
    reader.push(body);
    let (mut scale, mut starts, mut ticks) = (1.0, None, 0);
    loop {
        match reader.poll() {
            Ok(Some(MediaEvent::Init(init))) => scale = f64::from(init.timescale),
            Ok(Some(MediaEvent::Fragment(fragment))) => {
                let is_first = starts.is_none();
                starts.get_or_insert(fragment.base_decode_time as f64 / scale);
                let first = fragment.samples.first();
                assert!(
                    !is_first || first.is_some_and(|first| first.is_sync),
                    "{name}: no key frame"
                );
                ticks += fragment
                    .samples
                    .iter()
                    .map(|s| u64::from(s.duration))
                    .sum::<u64>();
            }
            Ok(None) => break,
            Err(error) => panic!("{name} cannot be read: {error}"),
        }
    }
    let starts = starts.unwrap_or_else(|| panic!("{name} is empty"));
    (starts, ticks as f64 / scale)
}
