//! Clients that are slow, silent or gone, on a clock that a test moves.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use super::*;
use crate::http::activity::InFlight;
use crate::http::body::Body;
use crate::http::unsent::Kernel;
use crate::http::watched::{Cut, Watched};

impl Cut for DuplexStream {
    fn cut(&self) {}
}

struct Served {
    client: DuplexStream,
    shutdown: Arc<Shutdown>,
    ended: JoinHandle<Ended>,
}

/// A connection whose requests are answered with a mebibyte, or never if their path is `/park`.
fn serve(limits: Limits) -> Served {
    let (client, server) = tokio::io::duplex(4096);
    let shutdown = Arc::new(Shutdown::default());
    let activity = Arc::new(Activity::new(Instant::now()));
    let service = {
        let activity = activity.clone();
        service_fn(move |request: Request<Incoming>| {
            let is_http2 = request.version() == http::Version::HTTP_2;
            let mut running = InFlight::begin(activity.clone(), is_http2);
            running.wait();
            async move {
                if request.uri().path() == "/park" {
                    std::future::pending::<()>().await;
                }
                let mut body = Body::bytes(Bytes::from_static(&[7; 1 << 20]));
                body.hold(running);
                Ok::<_, Infallible>(Response::new(body))
            }
        })
    };
    let task = {
        let shutdown = shutdown.clone();
        async move {
            let protocol = protocol(&limits, Tracked(TaskTracker::new()));
            let io = TokioIo::new(Watched::new(server, activity.clone()));
            let connection = protocol.serve_connection(io, service);
            drive(connection, &activity, &limits, &shutdown).await
        }
    };
    Served {
        client,
        shutdown,
        ended: tokio::spawn(task),
    }
}

impl Kernel for DuplexStream {
    fn bound_unsent(&self) {}
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const PARK: &[u8] = b"GET /park HTTP/1.1\r\nhost: a\r\n\r\n";

async fn read_answer(client: &mut DuplexStream) {
    let mut rest = 1 << 20;
    let mut buffer = vec![0; 1 << 16];
    while rest > 0 {
        let count = client.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the connection closed with {rest} bytes to come");
        rest -= buffer[..count].iter().filter(|b| **b == 7).count();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_dropped() {
    let mut served = serve(Limits::default());
    let start = Instant::now();
    assert_eq!(served.client.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(served.ended.await.unwrap(), Ended::Overdue(Overdue::Head));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_dribbles_its_header_is_dropped() {
    for start in [&GET[..9], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut served = serve(Limits::default());
        served.client.write_all(start).await.unwrap();
        assert_eq!(served.ended.await.unwrap(), Ended::Overdue(Overdue::Head));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_dropped() {
    let mut served = serve(Limits::default());
    served.client.write_all(GET).await.unwrap();
    let start = Instant::now();
    assert_eq!(served.ended.await.unwrap(), Ended::Overdue(Overdue::Write));
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_little_is_served_for_as_long_as_an_answer_may_take() {
    let mut served = serve(Limits::default());
    served.client.write_all(GET).await.unwrap();
    let mut buffer = [0; 4096];
    let start = Instant::now();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert!(served.client.read(&mut buffer).await.unwrap() > 0);
    }
    assert!(!served.ended.is_finished());
    assert_eq!(served.ended.await.unwrap(), Ended::Overdue(Overdue::Answer));
    assert_eq!(start.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_a_parked_request_is_not() {
    let mut served = serve(Limits::default());
    served.client.write_all(GET).await.unwrap();
    read_answer(&mut served.client).await;
    let start = Instant::now();
    assert_eq!(served.client.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(start.elapsed().as_secs(), 65);
    assert_eq!(served.ended.await.unwrap(), Ended::Overdue(Overdue::Idle));

    let mut served = serve(Limits::default());
    served.client.write_all(PARK).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!served.ended.is_finished());
}

#[tokio::test(start_paused = true)]
async fn draining_ends_idle_connections_now_and_busy_ones_after_their_request() {
    let mut idle = serve(Limits::default());
    idle.client.write_all(GET).await.unwrap();
    read_answer(&mut idle.client).await;
    idle.shutdown.drain();
    assert_eq!(idle.ended.await.unwrap(), Ended::Closed);

    let mut busy = serve(Limits::default());
    busy.client.write_all(GET).await.unwrap();
    let mut first = [0; 1];
    busy.client.read_exact(&mut first).await.unwrap();
    busy.shutdown.drain();
    read_answer(&mut busy.client).await;
    assert_eq!(busy.ended.await.unwrap(), Ended::Closed);

    let mut parked = serve(Limits::default());
    parked.client.write_all(PARK).await.unwrap();
    parked.shutdown.drain();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!parked.ended.is_finished());
    parked.shutdown.abort();
    assert_eq!(parked.ended.await.unwrap(), Ended::Aborted);
}
