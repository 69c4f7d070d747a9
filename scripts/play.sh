#!/usr/bin/env bash
# Plays the page and tries the API in a real Chromium, against the gateway that `cargo test` built. Arguments go to
# web/test/play.mjs.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need node chromium
need_web_packages
cargo build --quiet --bin headgate
mkdir -p tests/out
trap stop_gateway EXIT
start_gateway "$TARGET_DIR/debug/headgate" channels.toml "$PWD/tests/out/play-gateway.log"
browser=$(command -v "${CHROMIUM:-chromium}" || command -v chromium-browser || command -v google-chrome)
npm --prefix web run --silent play -- --url "$GATEWAY_URL" --browser "$browser" \
  --screenshot "$PWD/tests/out/play.png" "$@"
node web/test/explore.mjs --url "$GATEWAY_URL" --browser "$browser" --screenshot "$PWD/tests/out/api.png"
