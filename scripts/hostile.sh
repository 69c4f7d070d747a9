#!/usr/bin/env bash
# Imports five thousand channels by somebody who means harm, and looks at them in a real Chromium.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_browser_stage
list=$PWD/tests/out/hostile.m3u
config=$PWD/tests/out/hostile.toml
rm -f "$config"
node web/test/hostile.mjs --list "$list"
"$TARGET_DIR/debug/headgate" import "$list" -o "$config" 2>"$PWD/tests/out/hostile-import.log"
trap stop_gateway EXIT
start_gateway "$TARGET_DIR/debug/headgate" "$config" "$PWD/tests/out/hostile-gateway.log"
node web/test/hostile.mjs --url "$GATEWAY_URL" --browser "$(chromium_program)"
