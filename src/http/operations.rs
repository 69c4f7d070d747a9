//! The operations of the API. What a URL does and what `openapi.json` says about it come in by one door, so that
//! neither is ever without the other: this is the only place of the edge, but the web app's, where routes are made.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use utoipa::Path;
use utoipa::openapi::path::{HttpMethod, Paths};

use super::State;
use super::audit::Action;

/// Operations and their description.
pub(crate) struct Operations {
    subject: &'static str,
    router: Router<Arc<State>>,
    paths: Paths,
}

// === impl Operations ===

impl Operations {
    /// None yet; those that come are about this: a tag of the description.
    pub(crate) fn about(subject: &'static str) -> Self {
        Self {
            subject,
            router: Router::default(),
            paths: Paths::default(),
        }
    }

    /// Adds an operation; `described` is what `#[utoipa::path]` made of `handler`: `__path_` and its name.
    pub(crate) fn add<P, H, T>(mut self, described: P, handler: H) -> Self
    where
        P: Path,
        H: Handler<T, Arc<State>>,
        T: 'static,
    {
        let _ = described;
        let path = P::path();
        let methods = P::methods();
        let mut operation = P::operation();
        let action = Action(operation.operation_id.as_deref().unwrap_or_default().into());
        for method in &methods {
            let mut route = on(filter(method), handler.clone());
            if *method != HttpMethod::Get {
                let action = action.clone();
                let name = move |mut response: Response| {
                    response.extensions_mut().insert(action.clone());
                    std::future::ready(response)
                };
                route = route.route_layer(map_response(name));
            }
            self.router = self.router.route(&path, route);
        }
        operation.tags = Some(vec![self.subject.into()]);
        self.paths.add_path_operation(path, methods, operation);
        self
    }

    /// Takes in the operations of another module.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.paths.merge(other.paths);
        self
    }

    /// What answers.
    pub(crate) fn into_router(self) -> Router<Arc<State>> {
        self.router
    }

    /// What is said about it.
    pub(crate) fn into_paths(self) -> Paths {
        self.paths
    }
}

/// HEAD is answered wherever GET is.
fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}
