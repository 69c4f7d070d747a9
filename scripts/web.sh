#!/usr/bin/env bash
# Builds the page when one of its sources is newer.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_page
note "web/dist is current"
