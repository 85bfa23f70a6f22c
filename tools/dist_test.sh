#!/usr/bin/env bash
# dist_test.sh CONFIG CHECKPOINT [CHECKPOINT ...] PROCESSES [options of test.py]: one process a GPU, or that many on the CPU.
# Several checkpoints are averaged, as one ensemble. PORT, NNODES, NODE_RANK, MASTER_ADDR: see dist_launch.sh.
set -euo pipefail
here=$(dirname "$0")
[ $# -ge 3 ] || { echo 'usage: dist_test.sh CONFIG CHECKPOINT [CHECKPOINT ...] PROCESSES [options of test.py]' >&2; exit 2; }
config=$1 checkpoints=("$2")
shift 2
while [ $# -gt 1 ] && [[ $1 != -* && ! $1 =~ ^[0-9]+$ ]]; do # the first number is that of the processes
    checkpoints+=("$1")
    shift
done
exec bash "$here/dist_launch.sh" "$here/test.py" "$1" "$config" "${checkpoints[@]}" "${@:2}"
