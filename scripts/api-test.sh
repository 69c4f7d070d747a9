#!/usr/bin/env bash
# The API against its own description: a client made of openapi.json asks a real gateway (over the scripted ffmpeg)
# what it may and may not ask, without tokens and with one. No answer may be a 5xx of the server's making or other than
# described. About two minutes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need node python
need_python_tool schemathesis tests/api/requirements.txt
cargo build --quiet --bin headgate --example fake_ffmpeg

folder=$(mktemp -d)
watching=
cleanup() {
  [ -z "$watching" ] || kill "$watching" 2>/dev/null || true
  stop_gateway
  rm -rf "$folder"
}
trap cleanup EXIT
mkdir -p tests/out
cp tests/api/channels.toml "$folder/"
ln -s "$TARGET_DIR/debug/examples/fake_ffmpeg" "$folder/ffmpeg"
: >"$folder/ffmpeg.scenario"
FFMPEG=$folder/ffmpeg start_gateway "$TARGET_DIR/debug/headgate" "$folder/channels.toml" "$PWD/tests/out/api-gateway.log"

say "a client generated from the API's description"
# Somebody watches, and a channel fails: lists that are not empty say more.
for path in one/index.m3u8 two/index.m3u8 three/index.m3u8; do
  fetch_code "$GATEWAY_URL/live/$path" >/dev/null
done
while sleep 1; do fetch_code "$GATEWAY_URL/live/one/v/index.m3u8"; done >/dev/null &
watching=$!

"$TOOLS_DIR/python/bin/schemathesis" --config-file tests/api/schemathesis.toml --no-color \
  run "$GATEWAY_URL/api/v1/openapi.json" --seed "${SEED:-1}" --max-time 60 "$@"
kill -0 "$GATEWAY_PID" || fail "the gateway is gone; its log is tests/out/api-gateway.log"
kill "$watching" 2>/dev/null || true
watching=
stop_gateway

say "the same with a token, and without one where it is needed"
token=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
operators=127.0.0.1:$(free_port)
FFMPEG=$folder/ffmpeg HEADGATE_OPERATORS_LISTEN=$operators HEADGATE_OPERATORS_TOKEN=$token \
  start_gateway "$TARGET_DIR/debug/headgate" "$folder/channels.toml" "$PWD/tests/out/api-tokens.log"
[ "$(fetch_code "http://$operators/api/v1/channels")" = 401 ] || fail "the API answers without a token"
[ "$(fetch_code "$GATEWAY_URL/api/v1/channels")" = 404 ] || fail "the API is served to viewers"
"$TOOLS_DIR/python/bin/schemathesis" --config-file tests/api/schemathesis.toml --no-color \
  run "http://$operators/api/v1/openapi.json" -H "Authorization: Bearer $token" --seed "${SEED:-1}" --max-time 30 "$@"
kill -0 "$GATEWAY_PID" || fail "the gateway is gone; its log is tests/out/api-tokens.log"
