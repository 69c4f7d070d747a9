//! IPTV front ends against a whole gateway: clients that go the way that Kodi, Jellyfin, Plex and TiviMate go, guides
//! that break, and lists by somebody who means harm.
//!
//! The readers here are not those of the product: M3U by hand, in the two ways in which players read it, XML by
//! `roxmltree`, JSON by `serde_json`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "iptv/client.rs"]
mod client;
#[path = "iptv/front_ends.rs"]
mod front_ends;
#[path = "iptv/gateway.rs"]
mod gateway;
#[path = "iptv/guides.rs"]
mod guides;
#[path = "iptv/hostile.rs"]
mod hostile;
