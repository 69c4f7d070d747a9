//! Deadlines of connections, on a clock that a test moves.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

async fn overdue_after(activity: &Activity) -> (u64, Overdue) {
    let start = Instant::now();
    loop {
        match activity.verdict(Instant::now(), &Limits::default()) {
            Verdict::FineUntil(at) => tokio::time::sleep_until(at).await,
            Verdict::Overdue(reason) => return (start.elapsed().as_secs(), reason),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_header_has_its_deadline_from_accept() {
    let activity = Activity::new(Instant::now());
    tokio::time::advance(SECOND * 9).await;
    activity.bytes_read(8);
    assert_eq!(overdue_after(&activity).await, (1, Overdue::Head));
}

#[tokio::test(start_paused = true)]
async fn later_headers_have_theirs_from_their_first_byte() {
    let activity = Arc::new(Activity::new(Instant::now()));
    drop(InFlight::begin(activity.clone(), false));
    tokio::time::advance(SECOND * 30).await;
    activity.bytes_read(8);
    tokio::time::advance(SECOND * 4).await;
    activity.bytes_read(8);
    assert_eq!(overdue_after(&activity).await, (6, Overdue::Head));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_idle_from_the_end_of_its_last_request() {
    let activity = Arc::new(Activity::new(Instant::now()));
    let mut request = InFlight::begin(activity.clone(), false);
    request.wait();
    tokio::time::advance(SECOND * 600).await;
    let verdict = activity.verdict(Instant::now(), &Limits::default());
    assert!(matches!(verdict, Verdict::FineUntil(_)), "{verdict:?}");
    drop(request);
    assert_eq!(overdue_after(&activity).await, (65, Overdue::Idle));
}

#[tokio::test(start_paused = true)]
async fn pings_keep_no_http2_connection_and_end_none() {
    let activity = Arc::new(Activity::new(Instant::now()));
    drop(InFlight::begin(activity.clone(), true));
    tokio::time::advance(SECOND * 20).await;
    activity.bytes_read(8);
    activity.bytes_written(17);
    assert_eq!(overdue_after(&activity).await, (45, Overdue::Idle));
    activity.bytes_written(16_384);
    assert_eq!(overdue_after(&activity).await, (65, Overdue::Idle));
}

#[tokio::test(start_paused = true)]
async fn crumbs_do_not_keep_an_answer_for_ever_unless_it_has_no_end() {
    for is_endless in [false, true] {
        let activity = Arc::new(Activity::new(Instant::now()));
        let mut request = InFlight::begin(activity.clone(), false);
        request.answered(is_endless);
        let start = Instant::now();
        let mut ended = None;
        for _ in 0..100 {
            activity.bytes_written(1);
            activity.write_stalled();
            tokio::time::advance(SECOND * 2).await;
            let verdict = activity.verdict(Instant::now(), &Limits::default());
            if let Verdict::Overdue(reason) = verdict {
                ended = Some((start.elapsed().as_secs(), reason));
                break;
            }
        }
        // The first look behind the deadline.
        let expected = (!is_endless).then_some((122, Overdue::Answer));
        assert_eq!(ended, expected);
        activity.bytes_written(1);
        activity.caught_up();
        drop(request);
        assert_eq!(overdue_after(&activity).await.1, Overdue::Idle);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_write_is_overdue_whatever_runs() {
    let activity = Arc::new(Activity::new(Instant::now()));
    let _request = InFlight::begin(activity.clone(), false);
    activity.write_stalled();
    tokio::time::advance(SECOND * 29).await;
    activity.bytes_written(1);
    activity.write_stalled();
    assert_eq!(overdue_after(&activity).await, (30, Overdue::Write));
}
