#!/usr/bin/env bash
# Sets up what is missing, builds the release, and becomes the gateway.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

bash scripts/setup.sh
say "building the gateway (release)"
cargo build --release --quiet --bin headgate
say "starting headgate; the page is at http://127.0.0.1:8080/ unless channels.toml says otherwise"
exec "$TARGET_DIR/release/headgate" "$@"
