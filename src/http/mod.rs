//! The hyper edge: decode the path, ask a session, choose the cache policy, answer.
