//! Any bytes, in any pieces: no panic, the same events, and what was read can be written again.
#![no_main]

use headgate::media::{Fragment, FragmentReader, MediaError, MediaEvent, write_fragment};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The first byte says how the rest is cut.
    let Some((&piece, stream)) = input.split_first() else {
        return;
    };
    let whole = read(stream, usize::MAX);
    assert_eq!(whole, read(stream, usize::from(piece) + 1));
    let mut init = None;
    for event in &whole.0 {
        match event {
            MediaEvent::Init(section) => init = Some(section),
            MediaEvent::Fragment(fragment) => {
                let section = init.expect("an initialization section should come first");
                let data = std::slice::from_ref(&fragment.data);
                let time = fragment.base_decode_time;
                let written = write_fragment(section.track_id, 1, time, &fragment.samples, data);
                assert_eq!(fragments(&section.bytes, &written), [fragment.clone()]);
            }
        }
    }
});

fn read(stream: &[u8], piece: usize) -> (Vec<MediaEvent>, Option<MediaError>) {
    let mut reader = FragmentReader::new();
    let mut events = Vec::new();
    for bytes in stream.chunks(piece) {
        reader.push(bytes);
        loop {
            match reader.poll() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}

fn fragments(init: &[u8], written: &[u8]) -> Vec<Fragment> {
    let (events, error) = read(&[init, written].concat(), usize::MAX);
    assert_eq!(error, None, "what was written should be readable");
    let fragment = |event| match event {
        MediaEvent::Fragment(fragment) => Some(fragment),
        MediaEvent::Init(_) => None,
    };
    events.into_iter().filter_map(fragment).collect()
}
