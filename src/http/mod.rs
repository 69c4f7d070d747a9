//! The hyper edge: decode the path, ask a session, choose the cache policy, answer.
//!
//! Belongs here: the accept loop with its limits and deadlines, routes, conditional and range requests, cache
//! policies, status codes, the operators' API and the web app. Does not belong here: what a playlist says, when a
//! channel runs, what is logged where.
//!
//! A request's way: [`server`] accepts (limits) → [`connection`](self) speaks HTTP (deadlines) → `dispatch` decodes
//! the [`Route`] → media are answered by hyper itself (`media`), everything else by an axum router (`router`).
//! Sessions answer with bytes or a kind of error; the table of status codes is in `error`, the one of cache
//! lifetimes in `cache`.

mod accept;
mod access;
mod activity;
mod api;
mod audit;
mod base_url;
mod body;
mod cache;
mod channel_view;
mod configuration;
mod connection;
mod control;
mod counters;
mod dispatch;
mod ending;
mod entrance;
mod error;
mod events;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod growing;
mod guard;
mod health;
mod idempotency;
mod iptv;
mod iptv_streams;
mod iptv_users;
mod json_body;
mod limits;
mod listing;
mod manifest;
mod media;
mod openapi;
mod operations;
mod operators;
mod operators_view;
mod playback;
mod playlist_fields;
mod precondition;
mod preflight;
mod proxies;
mod refusal;
pub mod route;
mod router;
pub mod server;
mod state;
mod strain;
mod tls_view;
mod ts;
mod unsent;
mod waiting;
mod watched;
mod web;

pub use body::Body;
pub use counters::Counters;
pub use entrance::Entrance;
pub use health::CageView;
pub use limits::Limits;
pub use operators::{Operators, Rules};
pub use route::Route;
pub use server::Server;
pub use state::{Configuration, Exposition, Readiness, State};
