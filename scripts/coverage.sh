#!/usr/bin/env bash
# Line coverage of the tests, room by room. The core rooms must reach 90 %, or this fails.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_cargo_tool cargo-llvm-cov "$CARGO_LLVM_COV_VERSION"
bash scripts/setup.sh

sysroot=$(rustc --print sysroot)
if ! find "$sysroot/lib/rustlib" -name llvm-profdata -print -quit | grep -q .; then
  say "adding the Rust component llvm-tools"
  have rustup || fail "the toolchain has no llvm-tools and there is no rustup to add it"
  rustup component add llvm-tools >&2
fi

mkdir -p tests/out
report=$PWD/tests/out/coverage.lcov
say "running the tests with coverage"
"$TOOLS_DIR/bin/cargo-llvm-cov" llvm-cov --quiet --lcov --output-path "$report" "$@"

say "lines covered, by room"
awk -v least=90 '
  # The rooms that must be covered; a file counts for the first that fits.
  function room(path) {
    sub(/.*\/src\//, "", path)
    if (path ~ /^session\/state(\/|\.rs)/) return "session::state"
    if (path !~ /\//) { sub(/\.rs$/, "", path); return path }
    sub(/\/.*/, "", path)
    return path
  }
  BEGIN { core["hls"]; core["media"]; core["session::state"]; core["config"] }
  /^SF:/ { name = room(substr($0, 4)); if (!(name in all)) names[++count] = name }
  /^LF:/ { all[name] += substr($0, 4) }
  /^LH:/ { hit[name] += substr($0, 4) }
  END {
    for (i = 1; i <= count; i++) for (j = i + 1; j <= count; j++)
      if (names[j] < names[i]) { swap = names[i]; names[i] = names[j]; names[j] = swap }
    for (i = 1; i <= count; i++) {
      name = names[i]
      if (name == last || all[name] == 0) continue
      last = name
      share = 100 * hit[name] / all[name]
      low = (name in core) && share < least
      bad += low
      printf "  %-16s %6d of %6d  %5.1f %%%s\n", name, hit[name], all[name], share, \
        low ? "  TOO LOW, wanted " least " %" : (name in core) ? "  core" : ""
    }
    exit bad > 0
  }' "$report"
