# Sourced by the scripts beside it: where things are, how a step is announced, and how what is missing gets in.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
TOOLS_DIR=${HEADGATE_TOOLS:-$PWD/.tools}
CARGO_DENY_VERSION=0.20.2
CARGO_FUZZ_VERSION=0.13.1
CARGO_LLVM_COV_VERSION=0.9.1

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
fail() {
  printf '\033[1;31merror:\033[0m %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# === Packages of the system ===

package_manager() {
  local manager
  for manager in apt-get dnf apk pacman brew; do
    if have "$manager"; then
      echo "$manager"
      return
    fi
  done
  echo none
}

# The packages that hold a thing, by package manager.
packages_of() { # thing manager
  case "$1:$2" in
    cc:apt-get) echo gcc libc6-dev ;;
    cc:apk) echo gcc musl-dev ;;
    cc:*) echo gcc ;;
    c++:apt-get | c++:apk) echo g++ ;;
    c++:dnf) echo gcc-c++ ;;
    c++:*) echo gcc ;;
    chromium:brew) echo --cask chromium ;;
    font:apt-get) echo fonts-dejavu-core ;;
    font:dnf) echo dejavu-sans-fonts dejavu-sans-mono-fonts ;;
    font:brew) echo --cask font-dejavu ;;
    font:*) echo ttf-dejavu ;;
    ffmpeg:dnf) echo ffmpeg-free ;;
    gstreamer:apt-get) echo gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
      gstreamer1.0-plugins-bad gstreamer1.0-libav ;;
    gstreamer:dnf) echo gstreamer1 gstreamer1-plugins-base-tools gstreamer1-plugins-good gstreamer1-plugins-bad-free \
      gstreamer1-plugin-libav ;;
    gstreamer:apk) echo gstreamer-tools gst-plugins-base gst-plugins-good gst-plugins-bad gst-libav ;;
    gstreamer:pacman) echo gstreamer gst-plugins-base gst-plugins-good gst-plugins-bad gst-libav ;;
    node:brew) echo node ;;
    node:*) echo nodejs npm ;;
    nginx:apt-get) echo nginx-light ;;
    python:apt-get) echo python3 python3-venv ;;
    python:brew | python:pacman) echo python ;;
    python:*) echo python3 ;;
    taskset:brew) ;;
    taskset:*) echo util-linux ;;
    vlc:apt-get) echo vlc-bin vlc-plugin-base ;;
    vlc:brew) echo --cask vlc ;;
    *) echo "$1" ;;
  esac
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    fail "this needs root, and there is no sudo; run it yourself: $*"
  fi
}

# Installs things. RUNLEVEL keeps Debian from starting a server only because its package came in.
install_packages() { # thing...
  local manager thing packages=()
  manager=$(package_manager)
  for thing in "$@"; do
    # shellcheck disable=SC2207 # names of packages hold no spaces
    packages+=($(packages_of "$thing" "$manager"))
  done
  [ "${#packages[@]}" -gt 0 ] || return 0
  say "installing with $manager: ${packages[*]}"
  case "$manager" in
    apt-get)
      as_root apt-get -qq update || note "the package lists could not be renewed; trying with what is there"
      as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -qq install -y --no-install-recommends "${packages[@]}" >&2
      ;;
    dnf) as_root dnf -q -y install "${packages[@]}" >&2 ;;
    apk) as_root apk add -q "${packages[@]}" >&2 ;;
    pacman) as_root pacman -S --noconfirm --needed "${packages[@]}" >&2 ;;
    brew) brew install "${packages[@]}" >&2 ;;
    *) fail "no package manager that this script knows; install these yourself: $*" ;;
  esac
}

present() { # thing
  case "$1" in
    chromium) have chromium || have chromium-browser || have google-chrome || [ -n "${CHROMIUM:-}" ] ;;
    ffmpeg) have ffmpeg || [ -x "${FFMPEG:-}" ] || [ -x .tools/ffmpeg ] ;;
    font) font_file >/dev/null ;;
    # The elements that nothing else brings in.
    gstreamer) have gst-launch-1.0 && gst-inspect-1.0 --exists hlsdemux2 && gst-inspect-1.0 --exists tsdemux &&
      gst-inspect-1.0 --exists avdec_h264 ;;
    nginx) have nginx || [ -x /usr/sbin/nginx ] ;;
    node) have node && have npm ;;
    # Debian keeps what makes environments in a package of its own.
    python) python3 -c 'import ensurepip, venv' >/dev/null 2>&1 ;;
    vlc) have cvlc || have vlc || [ -x /Applications/VLC.app/Contents/MacOS/VLC ] ;;
    *) have "$1" ;;
  esac
}

# Makes sure that things are there; says what it does, and nothing when nothing is to do.
need() { # thing...
  local thing missing=()
  for thing in "$@"; do
    present "$thing" || missing+=("$thing")
  done
  [ "${#missing[@]}" -eq 0 ] && return 0
  install_packages "${missing[@]}"
  for thing in "${missing[@]}"; do
    present "$thing" || fail "$thing is still missing after its package was installed"
  done
}

# A font for the words that ffmpeg draws.
font_file() {
  local folder
  for folder in /usr/share/fonts /usr/local/share/fonts "$HOME/Library/Fonts" /Library/Fonts "$HOME/.local/share/fonts"; do
    [ -d "$folder" ] || continue
    find -L "$folder" -name DejaVuSans.ttf -print -quit 2>/dev/null | grep . && return 0
  done
  return 1
}

ffmpeg_program() {
  if [ -x "${FFMPEG:-}" ]; then echo "$FFMPEG"; elif have ffmpeg; then command -v ffmpeg; else echo .tools/ffmpeg; fi
}

chromium_program() {
  command -v "${CHROMIUM:-chromium}" || command -v chromium-browser || command -v google-chrome
}

need_rust() {
  have cargo || fail "there is no Rust toolchain; https://rustup.rs installs one"
  need cc
}

need_rust_component() { # component command
  "$2" --version >/dev/null 2>&1 && return 0
  say "adding the Rust component $1"
  have rustup || fail "the toolchain has no $1 and there is no rustup to add it"
  rustup component add "$1" >&2
}

# === Tools from crates.io, kept in the project ===

need_cargo_tool() { # name version
  [ -x "$TOOLS_DIR/bin/$1" ] && grep -qsF "\"$1 $2 " "$TOOLS_DIR/.crates.toml" && return 0
  say "building $1 $2 from crates.io, once (some minutes)"
  env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$TOOLS_DIR" "$1@$2"
}

# === Tools from the Python package index, kept in the project ===

need_python_tool() { # name requirements: with hashes, so that nothing else comes in
  local wanted mark
  wanted=$(cksum "$2")
  mark=$TOOLS_DIR/python/.installed
  [ -x "$TOOLS_DIR/python/bin/$1" ] && [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ] && return 0
  # An older one needs more packages than were pinned.
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$1 needs Python 3.11 or later"
  say "installing $1 into $TOOLS_DIR/python"
  python3 -m venv --clear "$TOOLS_DIR/python"
  "$TOOLS_DIR/python/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$2" >&2
  echo "$wanted" >"$mark"
}

# === A gateway for a script ===

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# Starts a gateway in the background; sets GATEWAY_PID and GATEWAY_URL when it answers. The caller stops it.
start_gateway() { # program config log
  local port
  port=$(free_port)
  GATEWAY_URL=http://127.0.0.1:$port
  "$1" --config "$2" --listen "127.0.0.1:$port" 2>"$3" &
  GATEWAY_PID=$!
  if ! wait_for_answer "$GATEWAY_URL/healthz" 100; then
    tail -n 20 "$3" >&2
    fail "the gateway did not answer; its log is $3"
  fi
}

# Waits until a URL answers 200; gives up after so many tenths of a second, or when the gateway is gone.
wait_for_answer() { # url tenths
  local left
  for ((left = $2; left > 0; left--)); do
    fetch_code "$1" | grep -q 200 && return 0
    kill -0 "${GATEWAY_PID:-$$}" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

fetch_code() { # url
  node -e 'fetch(process.argv[1], { signal: AbortSignal.timeout(2000) }).then(r => console.log(r.status), () => console.log(0))' "$1"
}

# TERM, ten seconds, KILL: only the process that start_gateway started.
stop_gateway() {
  local left
  [ -n "${GATEWAY_PID:-}" ] || return 0
  kill -TERM "$GATEWAY_PID" 2>/dev/null || true
  for ((left = 100; left > 0; left--)); do
    kill -0 "$GATEWAY_PID" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$GATEWAY_PID" 2>/dev/null || true
  wait "$GATEWAY_PID" 2>/dev/null || true
  GATEWAY_PID=
}

# === The page ===

stamp() { # name
  mkdir -p .tools/stamps
  echo ".tools/stamps/$1"
}

# Installs what web/package-lock.json names, when that changed.
need_web_packages() {
  local wanted mark
  wanted=$(cksum web/package-lock.json)
  mark=web/node_modules/.installed
  [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ] && return 0
  need node
  say "installing the page's packages (npm ci)"
  npm --prefix web ci --no-audit --no-fund --loglevel=error >&2
  echo "$wanted" >"$mark"
}

# Builds web/dist when a source of the page is newer.
need_page() {
  local mark changed
  [ -f web/package.json ] || { note "there is no web/ here: no page"; return 0; }
  mark=$(stamp page)
  if [ -f web/dist/index.html ] && [ -f "$mark" ]; then
    changed=$(find web \( -path web/node_modules -o -path web/dist -o -path web/test \) -prune \
      -o ! -path web -newer "$mark" -print -quit)
    [ -z "$changed" ] && return 0
    note "the page is older than $changed"
  fi
  need_web_packages
  say "building the page into web/dist"
  npm --prefix web run --silent build >&2
  touch "$mark"
}

# What a script needs that plays in a browser: the browser, its driver, a gateway and a place for what they write.
need_browser_stage() {
  need node chromium
  need_web_packages
  cargo build --quiet --bin headgate
  mkdir -p tests/out
}
