//! The words of a stream, by a paused clock.

use http_body_util::BodyExt as _;
use jiff::Timestamp;
use tokio::time::Instant;

use super::*;
use crate::events::Events;

fn events() -> Arc<Events> {
    Events::new(Timestamp::from_second(1).unwrap())
}

fn emit(events: &Events, channel: &str, kind: EventKind) {
    let channel = ChannelId::new(channel).ok();
    events.emit(Timestamp::UNIX_EPOCH, channel, None, kind);
}

fn open(events: &Arc<Events>, query: &EventQuery, last: Option<u64>) -> EventBody {
    let places = Arc::new(Semaphore::new(1));
    let subscription = match last {
        Some(last) => events.subscribe_after(last),
        None => events.subscribe(),
    };
    EventBody::new(Reader {
        subscription,
        filter: query.filter().unwrap(),
        passed_over: None,
        _place: take_place(&places, &Arc::default()).unwrap(),
    })
}

async fn word(body: &mut EventBody) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    let data = frame.into_data().unwrap();
    Some(String::from_utf8(data.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_stream_says_hello_events_and_that_it_lives() {
    let events = events();
    let mut body = open(&events, &EventQuery::default(), None);
    assert_eq!(word(&mut body).await.unwrap(), "retry: 3000\n\n");
    emit(&events, "news", EventKind::FirstViewer);
    assert_eq!(
        word(&mut body).await.unwrap(),
        "id: 1001\nevent: viewers.first\ndata: {\"id\":1001,\"at\":\"1970-01-01T00:00:00Z\",\"channel\":\"news\",\
         \"type\":\"viewers.first\"}\n\n"
    );
    let start = Instant::now();
    for _ in 0..3 {
        assert_eq!(word(&mut body).await.unwrap(), ":\n\n");
    }
    assert_eq!(start.elapsed(), HEARTBEAT * 3);
    emit(&events, "news", EventKind::LastViewer);
    events.close();
    assert!(word(&mut body).await.unwrap().starts_with("id: 1002\n"));
    assert_eq!(word(&mut body).await, None);
    assert_eq!(word(&mut body).await, None, "an end is an end");
}

#[tokio::test(start_paused = true)]
async fn a_stream_resumes_and_says_what_was_missed() {
    let events = events();
    for _ in 0..1_030 {
        emit(&events, "news", EventKind::FirstViewer);
    }
    let mut near = open(&events, &EventQuery::default(), Some(2_029));
    word(&mut near).await.unwrap();
    assert!(word(&mut near).await.unwrap().starts_with("id: 2030\n"));
    let mut far = open(&events, &EventQuery::default(), Some(1_001));
    word(&mut far).await.unwrap();
    assert_eq!(
        word(&mut far).await.unwrap(),
        "event: missed\ndata: {\"count\":5}\n\n"
    );
    assert!(word(&mut far).await.unwrap().starts_with("id: 1007\n"));
}

#[tokio::test(start_paused = true)]
async fn a_filtered_stream_keeps_its_number_up_to_date() {
    let events = events();
    let query = EventQuery {
        channel: Some("news, sports".into()),
        types: Some("viewers.last,session".into()),
        last_event_id: None,
    };
    let mut body = open(&events, &query, None);
    word(&mut body).await.unwrap();
    let start = Instant::now();
    emit(&events, "news", EventKind::FirstViewer);
    emit(&events, "films", EventKind::LastViewer);
    assert_eq!(word(&mut body).await.unwrap(), "id: 1002\n\n");
    assert_eq!(start.elapsed(), HEARTBEAT);
    assert_eq!(word(&mut body).await.unwrap(), ":\n\n");
    emit(&events, "sports", EventKind::LastViewer);
    assert!(word(&mut body).await.unwrap().starts_with("id: 1003\n"));
}

#[tokio::test]
async fn a_text_with_line_breaks_stays_one_line_of_data() {
    let events = events();
    let mut body = open(&events, &EventQuery::default(), None);
    word(&mut body).await.unwrap();
    let error = "line 1\nline 2\r\ndata: {}\r\revent: forged".into();
    emit(&events, "news", EventKind::ConfigRefused { error });
    let text = word(&mut body).await.unwrap();
    assert!(!text.contains('\r'), "{text:?}");
    assert_eq!(text.trim_end().lines().count(), 3, "{text:?}");
}

#[test]
fn what_is_no_number_no_channel_and_no_type_is_refused() {
    let header = |value: &str| {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        HeaderMap::from_iter([(LAST_EVENT_ID, value)])
    };
    assert_eq!(last_event(&HeaderMap::new(), None).unwrap(), None);
    assert_eq!(last_event(&HeaderMap::new(), Some("7")).unwrap(), Some(7));
    assert_eq!(last_event(&header("8"), Some("7")).unwrap(), Some(8));
    for bad in ["", "x", "-1", "1.5", "99999999999999999999", "ü"] {
        let failure = last_event(&header(bad), None).unwrap_err();
        assert_eq!(failure.status, 400, "{bad:?}");
    }
    for (channel, types) in [("../x", ""), ("", "nonsense"), ("", "session.")] {
        let query = EventQuery {
            channel: Some(channel.into()),
            types: Some(types.into()),
            last_event_id: None,
        };
        assert_eq!(query.filter().unwrap_err().status, 400, "{query:?}");
    }
}

#[test]
fn places_are_bounded_and_given_back() {
    let places = Arc::new(Semaphore::new(1));
    let place = take_place(&places, &Arc::default()).unwrap();
    let failure = take_place(&places, &Arc::default()).unwrap_err();
    assert_eq!(
        (failure.status.as_u16(), failure.code),
        (503, "too_many_streams")
    );
    drop(place);
    assert!(take_place(&places, &Arc::default()).is_ok());
}
