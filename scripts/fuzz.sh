#!/usr/bin/env bash
# Fuzzes every parser of foreign bytes and prints one table.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]   so many seconds for each target (default 60)
#   scripts/fuzz.sh --merge                 adds to fuzz/corpus what reaches more of the code than what is there
#
# New inputs are kept in the target folder between runs. A finding is written to fuzz/findings/TARGET: mend the parser,
# give it a test, keep the file; `cargo test` looks at it from then on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

merge=
if [ "${1:-}" = --merge ]; then
  merge=yes
  shift
fi
seconds=${1:-60}
[ $# -gt 0 ] && shift

need_rust
have c++ || install_packages c++
need_cargo_tool cargo-fuzz "$CARGO_FUZZ_VERSION"
TARGET_DIR=$(mkdir -p "$TARGET_DIR" && cd "$TARGET_DIR" && pwd)
work=$TARGET_DIR/fuzz
mkdir -p "$work"

# The crate forbids unsafe code, so there is nothing for AddressSanitizer to see; without it any compiler will do.
say "building the fuzz targets"
host=$(rustc -vV | sed -n 's/^host: //p')
CARGO_TARGET_DIR=$work "$TOOLS_DIR/bin/cargo-fuzz" fuzz build --sanitizer none --target "$host" >"$work/build.log" 2>&1 ||
  { tail -n 30 "$work/build.log" >&2; fail "the targets cannot be built; the whole log is $work/build.log"; }

targets=("$@")
if [ "${#targets[@]}" = 0 ]; then
  for file in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

figure() { # name: of libFuzzer's last statistics
  sed -n "s/^stat::$1: *//p" "$log" | tail -n 1
}

covered() {
  sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1
}

if [ -z "$merge" ]; then
  printf '%-18s %10s %9s %8s %7s %8s %8s\n' target runs runs/s coverage inputs 'peak MB' findings
fi
bad=0
for target in "${targets[@]}"; do
  program=$work/$host/release/$target
  [ -x "$program" ] || fail "there is no target $target; they are in fuzz/fuzz_targets"
  mkdir -p "$work/corpus/$target" "fuzz/corpus/$target"
  log=$work/$target.log
  if [ -n "$merge" ]; then
    "$program" -set_cover_merge=1 "fuzz/corpus/$target" "$work/corpus/$target" >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "$target"; }
    note "$target: $(find "fuzz/corpus/$target" -type f | wc -l) inputs"
    continue
  fi
  words=()
  [ -f "fuzz/words/$target" ] && words=("-dict=fuzz/words/$target")
  mkdir -p "fuzz/findings/$target"
  before=$(find "fuzz/findings/$target" -type f | wc -l)
  status=0
  "$program" -max_total_time="$seconds" -seed="${FUZZ_SEED:-0}" -max_len=16384 -timeout=30 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="fuzz/findings/$target/" "${words[@]}" "$work/corpus/$target" "fuzz/corpus/$target" >"$log" 2>&1 || status=$?
  found=$(($(find "fuzz/findings/$target" -type f | wc -l) - before))
  rmdir "fuzz/findings/$target" 2>/dev/null || true
  printf '%-18s %10s %9s %8s %7s %8s %8s\n' "$target" "$(figure number_of_executed_units)" \
    "$(figure average_exec_per_sec)" "$(covered)" "$(find "$work/corpus/$target" -type f | wc -l)" \
    "$(figure peak_rss_mb)" "$found"
  if [ "$status" != 0 ]; then
    bad=1
    grep -E -A8 'panicked at|ERROR: libFuzzer' "$log" >&2 || tail -n 20 "$log" >&2
  fi
done
exit "$bad"
