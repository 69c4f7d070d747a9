#!/usr/bin/env bash
# Everything that `make run` needs, each thing only when it is missing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need ffmpeg font
if present node || [ ! -f web/dist/index.html ]; then
  need_page
else
  note "there is no node: the page stays as it was built"
fi
bash scripts/loop.sh
