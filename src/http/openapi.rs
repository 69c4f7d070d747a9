//! The description of the API, made of the code that answers: served at `/api/v1/openapi.json`, rendered once.

use std::sync::{Arc, LazyLock};

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use utoipa::OpenApi;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use super::State;
use super::api;
use super::audit::OperatorView;
use super::channel_view::{ChannelView, GuideView};
use super::configuration::{ConfigView, ReloadView};
use super::control::{Asked, Start, Switch, Switching};
use super::error::ErrorBody;
use super::health::{self, CageView, Health, Readiness};
use super::iptv;
use super::listing::Listing;
use super::operations::Operations;
use super::operators::Need;
use super::route::Route;
use crate::audit::Record;
use crate::config::{OpenPath, Role};
use crate::events::Event;
use crate::session::{HoldReport, SessionReport, ViewerReport};

/// What the operations name, and what the whole is called.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Headgate",
        description = "What runs on this gateway, and what can be done about it.\n\n\
            Times are RFC 3339 in UTC, durations are seconds. Errors have one shape, and a `code` for programs. Lists \
            come in pages: `next` is the `cursor` of the page that follows. Reads have an ETag and honour \
            If-None-Match. A POST with an Idempotency-Key is done once.\n\n\
            Where the gateway has operators' tokens, one is sent as `Authorization: Bearer TOKEN`. Without one, or with \
            one that is nobody's, the answer is 401; one whose role is `read` changes nothing, and gets 403.",
    ),
    tags(
        (name = "channels", description = "As configured"),
        (name = "sessions", description = "Channels that run"),
        (name = "viewers", description = "Who watches"),
        (name = "events", description = "What happens"),
        (name = "configuration", description = "What is in force"),
        (name = "iptv", description = "Lists and guides for IPTV front ends"),
        (name = "operators", description = "Who may do what, and what they did"),
        (name = "gateway", description = "The process itself"),
    ),
    components(schemas(
        Asked, CageView, ChannelView, ConfigView, ErrorBody<'static>, Event, GuideView, Health, HoldReport, Listing<ChannelView>, Listing<GuideView>, Listing<Record>, Listing<SessionReport>,
        Listing<ViewerReport>, OperatorView, Readiness, Record, ReloadView, SessionReport, Start, Switch, Switching, ViewerReport,
    )),
)]
struct Description;

/// It describes itself, too.
pub(crate) fn operations() -> Operations {
    Operations::about("gateway").add(__path_description, description)
}

/// Of a gateway without tokens, and of one with tokens.
static DOCUMENTS: LazyLock<[Bytes; 2]> = LazyLock::new(|| [render(&[]), render(&[SCHEME])]);

/// How the way to say a token is called.
const SCHEME: &str = "token";

fn render(schemes: &[&str]) -> Bytes {
    let paths = api::operations()
        .merge(health::operations())
        .merge(iptv::operations())
        .into_paths();
    let text = describe(paths, schemes).to_pretty_json();
    text.expect("a description of text should be JSON").into()
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object),
))]
async fn description(Shared(state): Shared<Arc<State>>) -> Response {
    let document = &DOCUMENTS[usize::from(state.operators.has_tokens())];
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], document.clone()).into_response()
}

/// Adds to the operations what all of them do.
fn describe(mut paths: Paths, schemes: &[&str]) -> utoipa::openapi::OpenApi {
    for (path, item) in &mut paths.paths {
        for (method, operation) in [
            (Method::GET, &mut item.get),
            (Method::POST, &mut item.post),
            (Method::DELETE, &mut item.delete),
        ] {
            for operation in operation.iter_mut() {
                describe_access(operation, path, &method, schemes);
            }
        }
        item.get.iter_mut().for_each(describe_read);
        item.post.iter_mut().for_each(describe_post);
        for operation in [&mut item.get, &mut item.post, &mut item.delete] {
            operation.iter_mut().for_each(describe_failures);
        }
    }
    let mut document = Description::openapi();
    document.paths = paths;
    for scheme in schemes {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some("A token of `[operators]`".into());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(*scheme, SecurityScheme::Http(bearer));
    }
    document
}

/// What a token is needed for, by the table that decides it; the answers to who may not.
fn describe_access(operation: &mut Operation, path: &str, method: &Method, schemes: &[&str]) {
    let always: &[OpenPath] = &[];
    let example = path.replace(['{', '}'], "");
    let Need::Token(role) = Need::of(Route::decode(method, &example), method, &example, always)
    else {
        return;
    };
    let mut refusals = vec![("421", "`wrong_host`: the gateway is not called so")];
    if !schemes.is_empty() {
        refusals.push(("401", "`unauthorized`: this needs a token of an operator"));
    }
    if role == Role::Operate {
        let text = "`forbidden`: a page of another origin asks, or the token may only read";
        refusals.push(("403", text));
    }
    for (status, text) in refusals {
        let responses = &mut operation.responses.responses;
        responses.insert(status.into(), failure(text).into());
    }
    if !schemes.is_empty() {
        let requirement = |scheme: &&str| SecurityRequirement::new(*scheme, [""; 0]);
        operation.security = Some(schemes.iter().map(requirement).collect());
    }
}

fn describe_read(operation: &mut Operation) {
    if is_a_stream(operation) {
        return; // Never the same twice.
    }
    let known = header_parameter(
        "If-None-Match",
        "The ETag of an answer that is known already",
    )
    .schema(Some(text()))
    .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(known.into());
    let not_modified = ResponseBuilder::new().description("The answer that is known is still true");
    let responses = &mut operation.responses.responses;
    responses.insert("304".into(), not_modified.build().into());
    if let Some(RefOr::T(found)) = responses.get_mut("200") {
        let tag = HeaderBuilder::new().schema(Some(text()));
        let tag = tag.description(Some("Of these very bytes")).build();
        found.headers.insert("ETag".into(), tag.into());
    }
}

fn is_a_stream(operation: &Operation) -> bool {
    let found = operation.responses.responses.get("200");
    matches!(found, Some(RefOr::T(found)) if found.content.contains_key("text/event-stream"))
}

fn describe_post(operation: &mut Operation) {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[!-~]{1,255}$"));
    let key = header_parameter(
        "Idempotency-Key",
        "Made up by the client. The same request with the same key is done once within ten minutes, and answered \
         as the first time",
    );
    let key = key.schema(Some(schema)).build();
    operation
        .parameters
        .get_or_insert_default()
        .push(key.into());
}

fn describe_failures(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    responses.insert(
        "default".into(),
        failure("Anything else that goes wrong").into(),
    );
}

fn failure(description: &str) -> utoipa::openapi::Response {
    let schema = Ref::from_schema_name("ErrorBody");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let failure = ResponseBuilder::new().description(description);
    failure.content("application/json", content).build()
}

fn header_parameter(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(utoipa::openapi::Required::False)
        .description(Some(description))
}

fn text() -> utoipa::openapi::schema::Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::from_slice(&DOCUMENTS[0]).unwrap()
    }

    #[test]
    fn a_token_is_asked_for_where_it_is_needed_and_there_are_any() {
        let closed: Value = serde_json::from_slice(&DOCUMENTS[1]).unwrap();
        assert_eq!(
            closed["components"]["securitySchemes"]["token"]["scheme"],
            "bearer"
        );
        for (path, item) in closed["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let is_operators = path.starts_with("/api/")
                    || ["/debug/sessions", "/metrics", "/readyz"].contains(&path.as_str());
                let what = format!("{method} {path}");
                let responses = &operation["responses"];
                assert_eq!(operation["security"].is_array(), is_operators, "{what}");
                if is_operators {
                    assert!(responses["401"].is_object(), "{what}");
                    assert_eq!(responses["403"].is_object(), method != "get", "{what}");
                }
                assert!(
                    document()["paths"][path][method].get("security").is_none(),
                    "{what}"
                );
            }
        }
        assert!(document()["components"].get("securitySchemes").is_none());
    }

    /// Every value of a key, anywhere.
    fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get(key));
                fields.values().for_each(|value| all(value, key, found));
            }
            Value::Array(items) => items.iter().for_each(|value| all(value, key, found)),
            _ => {}
        }
    }

    #[test]
    fn it_is_whole() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let mut references = Vec::new();
        all(&document, "$ref", &mut references);
        assert!(references.len() > 20, "{references:?}");
        for reference in references {
            let path = reference.as_str().unwrap().trim_start_matches('#');
            assert!(document.pointer(path).is_some(), "{path} leads nowhere");
        }
        let mut operations = Vec::new();
        all(&document["paths"], "operationId", &mut operations);
        let count = operations.len();
        operations.sort_by_key(|id| id.as_str());
        operations.dedup();
        assert_eq!(operations.len(), count, "names are unique");
    }

    #[test]
    fn every_operation_says_what_it_does_and_how_it_fails() {
        let document = document();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let what = format!("{method} {path}");
                assert!(operation["summary"].is_string(), "{what}");
                assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{what}");
                assert!(operation["responses"]["default"].is_object(), "{what}");
                let names: Vec<&Value> = operation["parameters"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|parameter| &parameter["name"])
                    .collect();
                let expected = match method.as_str() {
                    "get" if path == "/api/v1/events" => "Last-Event-ID",
                    "get" => "If-None-Match",
                    "post" => "Idempotency-Key",
                    _ => continue,
                };
                assert!(names.iter().any(|name| *name == expected), "{what}");
            }
        }
    }
}
