#!/usr/bin/env bash
# Plays the page and tries the API in a real Chromium, against the gateway that `cargo test` built. Arguments go to
# web/test/play.mjs.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_browser_stage
trap stop_gateway EXIT
start_gateway "$TARGET_DIR/debug/headgate" channels.toml "$PWD/tests/out/play-gateway.log"
npm --prefix web run --silent play -- --url "$GATEWAY_URL" --browser "$(chromium_program)" \
  --screenshot "$PWD/tests/out/play.png" "$@"
node web/test/explore.mjs --url "$GATEWAY_URL" --browser "$(chromium_program)" --screenshot "$PWD/tests/out/api.png"
