#!/usr/bin/env bash
# The hand-offs between a session and its viewers, in every interleaving of their steps.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
say "every interleaving of the sessions' hand-offs"
CARGO_TARGET_DIR=$TARGET_DIR/models cargo test --quiet --manifest-path models/Cargo.toml "$@"
