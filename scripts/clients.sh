#!/usr/bin/env bash
# Plays a channel with every client that this system or npm has, each in every output that it is made for, and writes
# what came of it to docs/clients.md. With --keep, the table goes to tests/out/clients.md and the document stays as it
# is. Other arguments go to web/test/clients.mjs, for example `--only VLC`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

out=docs/clients.md
if [ "${1:-}" = --keep ]; then
  out=tests/out/clients.md
  shift
fi
need font ffmpeg mpv vlc gstreamer
need_browser_stage
config=$PWD/tests/out/clients.toml
# Frames that many players can decode at a time.
cat >"$config" <<'EOF'
[[channel]]
id = "testcard"
source = "testcard:"
ladder = [
  { name = "hi", height = 360, video_bitrate = "700k" },
  { name = "lo", height = 180, video_bitrate = "200k" },
]
EOF
trap stop_gateway EXIT
start_gateway "$TARGET_DIR/debug/headgate" "$config" "$PWD/tests/out/clients-gateway.log"
FFMPEG=$(ffmpeg_program) node web/test/clients.mjs --url "$GATEWAY_URL" --browser "$(chromium_program)" \
  --template docs/clients.md --out "$out" "$@"
say "the table is in $out"
