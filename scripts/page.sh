#!/usr/bin/env bash
# Uses every view of the page in a real Chromium, as viewers and operators do. HEADGATE names another gateway than the
# one that `cargo test` built.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_browser_stage
# Relative, so that pictures show no folder of this machine.
config=tests/out/page.toml
rm -f tests/out/page.state tests/out/page-*.png
node web/test/page/guide.mjs >tests/out/page-guide.xml
cat >"$config" <<CONFIG
[server]
state = "page.state"
allow_private = ["127.0.0.1"]

[guide]
source = "page-guide.xml"

[defaults]
grace_period = "1m"
ladder = [
  { name = "360p", height = 360, video_bitrate = "500k" },
  { name = "180p", height = 180, video_bitrate = "200k" },
]

[[channel]]
id = "testcard"
name = "Test card"
number = 1
group = "House"
source = "testcard:"
tvg_id = "testcard"

[[channel]]
id = "safe"
name = "Never dark"
number = 2
group = "House"
sources = ["http://127.0.0.1:1/live.ts", "testcard:", "slate:Back soon"]
ladder = [{ name = "180p", height = 180, video_bitrate = "200k" }]

[[channel]]
id = "slow"
name = "Harbour camera"
number = 3
group = "House"
source = "udp://127.0.0.1:$(free_port)"
start_timeout = "2m"

[[channel]]
id = "broken"
name = "Weather"
number = 12
group = "News"
source = "http://127.0.0.1:1/weather.ts"
start_timeout = "2s"

[[channel]]
id = "film"
name = "Kino Światowid"
number = 20
group = "Films"
source = "testcard:"

[[channel]]
id = "hostile"
name = "<img src=x onerror=alert(1)>"
number = 99
group = "<b>News</b>"
source = "testcard:"
CONFIG
trap stop_gateway EXIT
start_gateway "${HEADGATE:-$TARGET_DIR/debug/headgate}" "$config" "$PWD/tests/out/page-gateway.log"
node web/test/page.mjs --url "$GATEWAY_URL" --config "$config" --out "$PWD/tests/out" --browser "$(chromium_program)" "$@"
