#!/usr/bin/env bash
# dist_train.sh CONFIG PROCESSES [options of train.py]: one process a GPU, or that many on the CPU. PORT, NNODES, NODE_RANK, MASTER_ADDR: see
# dist_launch.sh.
set -euo pipefail
here=$(dirname "$0")
[ $# -ge 2 ] || { echo 'usage: dist_train.sh CONFIG PROCESSES [options of train.py]' >&2; exit 2; }
exec bash "$here/dist_launch.sh" "$here/train.py" "$2" "$1" "${@:3}"
