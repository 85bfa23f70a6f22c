#!/usr/bin/env bash
# dist_test.sh CONFIG CHECKPOINT PROCESSES [options of test.py]: one process a GPU, or that many on the CPU. PORT, NNODES, NODE_RANK, MASTER_ADDR: see
# dist_launch.sh.
set -euo pipefail
here=$(dirname "$0")
[ $# -ge 3 ] || { echo 'usage: dist_test.sh CONFIG CHECKPOINT PROCESSES [options of test.py]' >&2; exit 2; }
exec bash "$here/dist_launch.sh" "$here/test.py" "$3" "$1" "$2" "${@:4}"
