//! A request that panics costs its viewer an answer, and nobody else anything.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// Runs a future; a panic in it is an error, and what it held is dropped with it.
///
/// The future stays where it is pinned: thousands of them wait at a time, and moving it in here would keep its room
/// twice.
pub(super) fn catch<F: Future>(
    mut future: Pin<&mut F>,
) -> impl Future<Output = Result<F::Output, Box<dyn Any + Send>>> {
    // The state that a request shares is behind locks and atomics that a panic leaves whole.
    poll_fn(
        move |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn panics_are_caught_also_after_a_wait() {
        assert_eq!(catch(pin!(async { 7 })).await.unwrap(), 7);
        let mut panics = pin!(async {
            tokio::task::yield_now().await;
            panic!("as planned");
        });
        let panic = catch(panics.as_mut());
        let panic: Box<dyn Any + Send> = panic.await.map(|(): ()| ()).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"as planned"));
    }
}
