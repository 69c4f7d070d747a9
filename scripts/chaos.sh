#!/usr/bin/env bash
# Random faults against several channels for so many minutes (default 10), and one table of what became of them.
#
#   scripts/chaos.sh [MINUTES [SEED]]
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need ffmpeg font
cargo build --quiet --example fake_ffmpeg
say "chaos for ${1:-10} minutes"
export HEADGATE_CHAOS_MINUTES=${1:-10}
[ $# -lt 2 ] || export HEADGATE_CHAOS_SEED=$2
cargo test --quiet --test chaos -- --nocapture
