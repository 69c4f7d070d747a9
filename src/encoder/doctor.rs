//! What this host can do, for people.
