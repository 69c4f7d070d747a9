#!/usr/bin/env bash
# Every test: the crate's (with a real ffmpeg and real players), the API by a client made of its own description, the
# models, a moment of each fuzz target, the page's units, and the page in a real browser.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

bash scripts/setup.sh
need chromium gstreamer mpv nginx pebble vlc

mkdir -p tests/out
log=$PWD/tests/out/cargo-test.log
say "cargo test"
status=0
cargo test --no-fail-fast 2>&1 | tee "$log" || status=$?

say "the API, by a client made of its description"
bash scripts/api-test.sh || status=$?

bash scripts/loom.sh || status=$?

# Long enough to see that every target runs and finds nothing at once; `make fuzz` looks further. Its first build takes
# minutes.
FUZZ_SEED=1 bash scripts/fuzz.sh 3 || status=$?

if [ -f web/package.json ]; then
  need_web_packages
  say "the page's unit tests"
  npm --prefix web run --silent test || status=$?
  if [ "$status" = 0 ]; then
    say "the page in Chromium"
    bash scripts/play.sh || status=$?
    say "the page's views in Chromium, for viewers and operators"
    bash scripts/page.sh || status=$?
    say "the page in Chromium, for operators with tokens"
    bash scripts/operators.sh || status=$?
    say "five thousand hostile channels in Chromium"
    bash scripts/hostile.sh || status=$?
    say "the page in Chromium, while encoders and the gateway are killed"
    bash scripts/survive.sh || status=$?
    say "the page in Chromium, while sources are unplugged"
    bash scripts/failover.sh || status=$?
  fi
fi

say "cargo test said:"
grep -E '^ +(Running|Doc-tests) |^test result:|^test .* FAILED$' "$log" || true
exit "$status"
