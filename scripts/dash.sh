#!/usr/bin/env bash
# Plays a channel as MPEG-DASH with dash.js and Shaka Player in a real Chromium, against the gateway that `cargo test`
# built. Arguments go to web/test/dash.mjs.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_browser_stage
trap stop_gateway EXIT
start_gateway "$TARGET_DIR/debug/headgate" channels.toml "$PWD/tests/out/dash-gateway.log"
npm --prefix web run --silent dash -- --url "$GATEWAY_URL" --browser "$(chromium_program)" "$@"
