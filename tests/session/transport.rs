//! MPEG-TS of a session: made when asked for, once, with the boundaries of the fragments; and streams without an end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headgate::hls::DeliveryDirectives;
use headgate::session::{ServeError, Session, TransportStream};

use crate::playlist::Playlist;
use crate::support::{CHANNEL, DEADLINE, House, until, viewer};
use crate::ts_reader::{self, PACKET, Stream};

/// A session that has a few segments, its playlist of fragments and that of transport streams.
async fn playing(house: &House, segments: usize) -> (Arc<Session>, Playlist, Playlist) {
    let session = house.map.join(CHANNEL, viewer(1)).unwrap();
    loop {
        let rendered = session.transport_playlist("v", viewer(1)).await.unwrap();
        let transport = Playlist::read(std::str::from_utf8(&rendered.plain).unwrap());
        if transport.segments.len() >= segments {
            let fragments = house.ask(1, DeliveryDirectives::default()).await.unwrap();
            return (session, fragments, transport);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `e{epoch}/{msn}.ts`
fn place(uri: &str) -> (u64, u64) {
    let (epoch, msn) = uri.strip_prefix('e').unwrap().split_once('/').unwrap();
    let msn = msn.strip_suffix(".ts").unwrap();
    (epoch.parse().unwrap(), msn.parse().unwrap())
}

async fn next(stream: &mut TransportStream) -> Option<Bytes> {
    let next = tokio::time::timeout(DEADLINE, stream.next());
    next.await.expect("packets, or the end, in time")
}

/// Reads until so many key frames have begun.
async fn read_key_frames(stream: &mut TransportStream, read: &mut Stream, count: usize) {
    while read
        .video()
        .iter()
        .filter(|frame| frame.random_access)
        .count()
        < count
    {
        read.push(&next(stream).await.expect("more packets"));
    }
}

#[tokio::test]
async fn segments_are_those_of_the_fragments() {
    let house = House::new("", "");
    let (session, fragments, transport) = playing(&house, 4).await;
    let (mut joined, mut compared) = (Vec::new(), 0);
    for segment in &transport.segments {
        let (epoch, msn) = place(&segment.uri);
        assert_eq!(msn, segment.msn);
        let made = session.transport_segment("v", epoch, msn).unwrap();
        let stream = ts_reader::read(&made.body);
        let frames = stream.video().len() as f64;
        assert!(
            (frames / 30.0 - segment.duration).abs() < 0.001,
            "{frames} frames"
        );
        assert!(stream.video()[0].random_access);
        joined.extend_from_slice(&made.body);
        let Some(twin) = fragments.segments.iter().find(|twin| twin.msn == msn) else {
            continue;
        };
        let facts = |segment: &crate::playlist::Segment| {
            (
                segment.duration,
                segment.discontinuity,
                segment.program_date_time,
            )
        };
        assert_eq!(facts(twin), facts(segment));
        compared += 1;
    }
    assert!(compared >= 4, "{compared} segments in both playlists");
    assert_eq!(
        transport.discontinuity_sequence,
        fragments.discontinuity_sequence
    );
    let stream = ts_reader::read(&joined);
    assert!(stream.jumps.is_empty() && stream.audio().len() > 10);
    let error = session.transport_segment("v", 7, transport.segments[0].msn);
    assert!(matches!(error, Err(ServeError::NotFound(_))), "{error:?}");
    let unknown = session.transport_playlist("x", viewer(1)).await;
    assert!(matches!(unknown, Err(ServeError::UnknownRendition { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_make_a_segment_once_and_nobody_makes_none() {
    let house = House::new("", "");
    let (session, _, transport) = playing(&house, 2).await;
    assert_eq!(
        house.report().ts_segments_remuxed,
        0,
        "playlists are no media"
    );
    let (epoch, msn) = place(&transport.segments[1].uri);
    let ask = |_| {
        let session = session.clone();
        tokio::spawn(async move { session.transport_segment("v", epoch, msn).unwrap().body })
    };
    let asked: Vec<_> = (0..1_000).map(ask).collect();
    let first = session.transport_segment("v", epoch, msn).unwrap().body;
    for answer in asked {
        let body = answer.await.unwrap();
        assert_eq!(body.as_ptr(), first.as_ptr(), "the same bytes, not a copy");
    }
    assert_eq!(house.report().ts_segments_remuxed, 1);
}

#[tokio::test]
async fn what_has_left_the_window_is_forgotten() {
    let house = House::new("rate 8", "");
    let (session, _, transport) = playing(&house, 2).await;
    let without = house.report().memory_bytes;
    let (epoch, msn) = place(&transport.segments[0].uri);
    let size = session
        .transport_segment("v", epoch, msn)
        .unwrap()
        .body
        .len() as u64;
    assert!(house.report().memory_bytes >= without + size);
    until("the segment is gone", || {
        session.transport_segment("v", epoch, msn).is_err()
    })
    .await;
}

#[tokio::test]
async fn a_stream_begins_at_once_and_goes_on() {
    let house = House::new("", "");
    let session = house.map.join(CHANNEL, viewer(1)).unwrap();
    let mut stream = session.transport_stream(None, viewer(1)).await.unwrap();
    let mut read = Stream::default();
    read_key_frames(&mut stream, &mut read, 4).await;
    assert!(read.video()[0].random_access && read.jumps.is_empty());
    // Another one begins at the newest segment, with the same packets.
    let mut other = session
        .transport_stream(Some("v"), viewer(2))
        .await
        .unwrap();
    let first = next(&mut other).await.unwrap();
    assert_eq!((first[0], first.len() % PACKET), (0x47, 0));
    assert_eq!(house.report().ts_streams, 2);
    drop(other);
    assert_eq!(house.report().ts_streams, 1);
    let unknown = session.transport_stream(Some("x"), viewer(1)).await;
    assert!(matches!(unknown, Err(ServeError::UnknownRendition { .. })));
}

#[tokio::test]
async fn a_stream_goes_on_over_a_lost_encoder() {
    let house = House::new("exit 1 after 5", "");
    let session = house.map.join(CHANNEL, viewer(1)).unwrap();
    let mut stream = session.transport_stream(None, viewer(1)).await.unwrap();
    let mut read = Stream::default();
    while read.jumps.is_empty() {
        read.push(&next(&mut stream).await.expect("more packets"));
    }
    let before = read.video().len();
    while read.video().len() < before + 20 {
        read.push(&next(&mut stream).await.expect("more packets"));
    }
    let announced: Vec<u16> = read.jumps.keys().copied().collect();
    assert_eq!(announced, read.kinds.keys().copied().collect::<Vec<_>>());
    assert_eq!(house.report().ts_readers_moved, 0);
    house.assert_never_two();
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_moved_to_a_random_access_point() {
    let house = House::new("rate 8", "");
    let session = house.map.join(CHANNEL, viewer(1)).unwrap();
    let mut stream = session.transport_stream(None, viewer(1)).await.unwrap();
    let mut read = Stream::default();
    read.push(&next(&mut stream).await.unwrap());
    let now = house.playlist().await.unwrap().next_msn();
    loop {
        let playlist = house.playlist().await.unwrap();
        if playlist.next_msn() > now + 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    read.push(&next(&mut stream).await.unwrap());
    assert_eq!(read.jumps.len(), 4, "a jump on each PID: {:?}", read.jumps);
    assert_eq!(house.report().ts_readers_moved, 1);
    let before = read.video().len();
    while read.video().len() < before + 3 {
        read.push(&next(&mut stream).await.unwrap());
    }
    // The frame that was open when the jump came is closed by the key frame after it.
    let after = &read.video()[before..];
    assert!(after.iter().any(|frame| frame.random_access), "{before}");
}

#[tokio::test]
async fn a_stream_keeps_the_channel_for_as_long_as_it_lives() {
    let house = House::new("", "grace_period = \"0s\"");
    let session = house.map.join(CHANNEL, viewer(1)).unwrap();
    let mut stream = session.transport_stream(None, viewer(1)).await.unwrap();
    // A viewer that only asks is gone after three target durations.
    let since = std::time::Instant::now();
    while since.elapsed() < Duration::from_secs(5) {
        next(&mut stream).await.expect("the channel runs");
    }
    assert_eq!((house.state(), house.report().viewers), ("active", 1));
    drop(stream);
    house.assert_nothing_left().await;
    assert_eq!(house.report().ts_streams, 0);
}

#[tokio::test]
async fn a_stream_ends_with_its_channel_and_with_its_viewer() {
    let house = House::new("", "");
    let session = house.map.join(CHANNEL, viewer(1)).unwrap();
    let mut stream = session.transport_stream(None, viewer(1)).await.unwrap();
    next(&mut stream).await.unwrap();
    let id = house.report().id;
    let viewers = house.map.viewers(id).unwrap();
    let number = u64::from_str_radix(&viewers[0].id, 16).unwrap();
    assert_eq!(house.map.kick(id, number), Some(true));
    while next(&mut stream).await.is_some() {}
    drop(stream);
    house.map.join(CHANNEL, viewer(2)).unwrap();
    let mut stream = session.transport_stream(None, viewer(2)).await.unwrap();
    next(&mut stream).await.unwrap();
    assert!(house.map.stop(house.report().id));
    while next(&mut stream).await.is_some() {}
    house.until_state("idle").await;
}
