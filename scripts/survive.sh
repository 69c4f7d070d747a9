#!/usr/bin/env bash
# Plays three channels in a real Chromium while their encoders are killed, and then the gateway that `cargo test` built.
# Arguments go to web/test/survive.mjs.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_browser_stage
config=$PWD/tests/out/survive.toml
rm -f tests/out/survive.state
{
  echo '[server]'
  echo 'state = "survive.state"'
  echo
  echo '[defaults]'
  echo 'ladder = [{ name = "v", height = 180, video_bitrate = "200k" }]'
  echo 'window = "12s"'
  for number in 1 2 3; do
    printf '\n[[channel]]\nid = "survivor%s"\nsource = "testcard:"\n' "$number"
  done
} >"$config"
npm --prefix web run --silent survive -- --gateway "$TARGET_DIR/debug/headgate" --config "$config" \
  --port "$(free_port)" --log "$PWD/tests/out/survive-gateway.log" --browser "$(chromium_program)" "$@"
