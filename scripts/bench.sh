#!/usr/bin/env bash
# Measures what bench/README.md describes; prints tables and writes bench/out/*.json. Arguments name measurements.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

bash scripts/setup.sh
need node wrk nginx taskset
say "building the gateway and the yardsticks (release)"
cargo build --release --quiet --bin headgate --example bare_hyper --example parked
# A socket for each of 5,000 waiting players, on both ends.
ulimit -n 20000 2>/dev/null || note "open files are limited to $(ulimit -n): fewer players may fit"
FFMPEG=$(ffmpeg_program) exec node bench/run.mjs "$@"
