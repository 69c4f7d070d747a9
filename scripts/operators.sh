#!/usr/bin/env bash
# Uses the page in a real Chromium where operators have tokens: the question for one, a wrong one, one that may look, one
# that may change things, and what is kept of the change. HEADGATE names another gateway than the one of `cargo test`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_browser_stage
need_page
cargo build --quiet --bin headgate
config=tests/out/operators.toml
cat >"$config" <<CONFIG
[operators]
listen = "127.0.0.1:$(free_port)"

[[operators.token]]
name = "reader"
role = "read"
secret = "reader-0123456789abcdef0123"

[[operators.token]]
name = "alice"
role = "operate"
secret = "alice-0123456789abcdef01234"

[[channel]]
id = "testcard"
name = "Test card"
source = "testcard:"
ladder = [{ name = "180p", height = 180, video_bitrate = "200k" }]
CONFIG
operators=http://$(sed -n 's/^listen = "\(.*\)"/\1/p' "$config")
rm -f tests/out/operators-*.png
trap stop_gateway EXIT
start_gateway "${HEADGATE:-$TARGET_DIR/debug/headgate}" "$config" "$PWD/tests/out/operators-gateway.log"
node web/test/operators.mjs --url "$operators" --viewers "$GATEWAY_URL" --out "$PWD/tests/out" --browser "$(chromium_program)" "$@"
