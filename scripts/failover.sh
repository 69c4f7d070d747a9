#!/usr/bin/env bash
# Plays a channel in a real Chromium while its sources are unplugged and plugged in again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_browser_stage
config=$PWD/tests/out/failover.toml
rm -f tests/out/failover.state
primary=$(free_port)
backup=$(free_port)
cat >"$config" <<CONFIG
[server]
state = "failover.state"
allow_private = ["127.0.0.1"]

[[channel]]
id = "news"
sources = [
  { url = "http://127.0.0.1:$primary/live.ts", name = "primary" },
  { url = "http://127.0.0.1:$backup/live.ts", name = "backup" },
  "slate:Back soon",
]
hold_down = "5s"
ladder = [{ name = "v", height = 180, video_bitrate = "300k" }]
CONFIG
npm --prefix web run --silent failover -- --gateway "$TARGET_DIR/debug/headgate" --config "$config" \
  --port "$(free_port)" --ports "$primary,$backup" --ffmpeg "$(ffmpeg_program)" \
  --log "$PWD/tests/out/failover-gateway.log" --browser "$(chromium_program)" "$@"
