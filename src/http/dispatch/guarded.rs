//! A request about which somebody has to be asked before it is answered.

use std::sync::Arc;

use http::Response;
use http::request::Parts;
use hyper::body::Incoming;

use super::super::access::{self, Caller, Entry, Pass};
use super::super::body::Body;
use super::super::media::Step;
use super::super::route::Route;
use super::{Dispatch, plain, target};
use crate::access::Question;

/// How often a request may wait for somebody: for keys, and for who says who may.
const QUESTIONS: usize = 2;

/// The answer to a request when it is known what there was to ask.
pub(super) async fn ask(
    dispatch: Arc<Dispatch>,
    first: Question,
    caller: Caller,
    (head, body): (Parts, Incoming),
) -> Response<Body> {
    let gate = &dispatch.state.gate;
    let mut open = Some(first);
    for _ in 0..QUESTIONS {
        if let Some(question) = open.take() {
            question.answer(gate).await;
        }
        match dispatch.entry(&head, caller) {
            Entry::Open => return dispatch.whole(caller, head, body, None).await,
            Entry::Pass(pass) => return dispatch.whole(caller, head, body, Some(pass)).await,
            Entry::Done(response) => return *response,
            Entry::Ask(question) => open = Some(question),
        }
    }
    // What is still not known is no permission.
    access::unanswered(&head)
}

// === impl Dispatch ===

impl Dispatch {
    fn entry(&self, head: &Parts, caller: Caller) -> Entry {
        let route = Route::decode(&head.method, target(head));
        access::enter(&self.state, head, route, caller)
    }

    async fn whole(
        &self,
        caller: Caller,
        mut head: Parts,
        body: Incoming,
        pass: Option<Box<Pass>>,
    ) -> Response<Body> {
        let step = {
            let route = Route::decode(&head.method, target(&head));
            self.step((caller.peer, caller.at), &head, route, &body)
        };
        let response = match step {
            Some(Step::Done(response)) => response,
            Some(Step::Later(answer) | Step::Stream(answer)) => answer.await,
            Some(Step::Wait(wait)) => wait.answer().await,
            None => match self.admitted((caller.client, caller.peer), &mut head) {
                Ok(visitor) => self.routed(head, body, visitor).await,
                Err(failure) => plain(failure),
            },
        };
        match pass {
            Some(pass) => pass.dress(response),
            None => response,
        }
    }
}
