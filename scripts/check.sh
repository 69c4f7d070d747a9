#!/usr/bin/env bash
# What a reviewer would only repeat: format, lints, licences and sources of dependencies, documentation, the page's types.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_rust_component rustfmt rustfmt
need_rust_component clippy cargo-clippy
[ ! -f web/package.json ] || need_page

say "cargo fmt --check"
cargo fmt --all --check

say "cargo clippy -D warnings"
cargo clippy --all-targets --quiet -- -D warnings

need_cargo_tool cargo-deny "$CARGO_DENY_VERSION"
deny="$TOOLS_DIR/bin/cargo-deny"
say "cargo deny: licences, bans, sources"
"$deny" --log-level error check licenses bans sources

# Exit code 1 is also what a database out of reach gives: only its own message tells the two apart.
say "cargo deny: advisories"
if ! advisories=$(timeout 120 "$deny" --log-level error check advisories 2>&1); then
  if [[ $advisories == *"failed to fetch advisory database"* || $advisories == "" ]]; then
    note "NOT CHECKED: the advisory database cannot be fetched from here; run this where it can"
  else
    echo "$advisories" >&2
    fail "a dependency has an advisory"
  fi
else
  note "no advisory is open"
fi

say "cargo doc, warnings are errors"
# With private items in it, a link from a public page to a private one is a link that works.
RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --no-deps --document-private-items --quiet

if [ -f web/package.json ]; then
  need_web_packages
  say "the page's types and style"
  npm --prefix web run --silent check
fi
say "all checks pass"
