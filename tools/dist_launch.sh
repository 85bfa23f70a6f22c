#!/usr/bin/env bash
# dist_launch.sh SCRIPT PROCESSES [arguments of the script]: starts the script on torchrun. Used by dist_train.sh and dist_test.sh.
#   PORT         (or --master-port N) of the meeting point; a free one is taken unless it is set (several nodes: 29500)
#   NNODES, NODE_RANK, MASTER_ADDR   for several nodes: run the same command on each, with its own NODE_RANK
set -euo pipefail
here=$(dirname "$0")
source "$here/setup_env.sh"
find_python
trap 'echo interrupted >&2; exit 130' INT # later on the processes say so themselves
"$PYTHON" -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)' || {
    echo "error: $PYTHON has no torch. Activate your environment, or make one in .venv: bash tools/quickstart.sh" >&2
    exit 1
}
trap - INT

script=$1 processes=$2
shift 2
[[ $processes =~ ^[1-9][0-9]*$ ]] || { echo "error: the number of processes must be 1 or more, not '$processes'" >&2; exit 2; }

arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --master-port | --master_port) PORT=${2:-}; shift 2 || shift ;;
        --master-port=* | --master_port=*) PORT=${1#*=}; shift ;;
        *) arguments+=("$1"); shift ;;
    esac
done
set -- "${arguments[@]+"${arguments[@]}"}"
[[ ${PORT:-1} =~ ^[0-9]+$ ]] || { echo "error: PORT (--master-port) must be a number, not '$PORT'" >&2; exit 2; }

if [ -n "${PORT:-}" ] || [ "${NNODES:-1}" -gt 1 ]; then
    meet=(--nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}" --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${PORT:-29500}")
else
    meet=(--nnodes 1 --rdzv_backend c10d --rdzv_endpoint 127.0.0.1:0)
fi
# one share of the cores for each process; more makes them wait for each other
cores=$(getconf _NPROCESSORS_ONLN)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((cores > processes ? cores / processes : 1))}
export MKL_NUM_THREADS=${MKL_NUM_THREADS:-$OMP_NUM_THREADS}
export FUNDUS_ERROR_FILE
FUNDUS_ERROR_FILE=$(mktemp -u)
trap 'rm -f "$FUNDUS_ERROR_FILE"' EXIT
status=0
"$PYTHON" "$here/_torchrun.py" "${meet[@]}" --nproc_per_node "$processes" "$script" "$@" --launcher pytorch || status=$?
# torchrun ends with a summary of its own: the error of the process that failed first goes below it
[ "$status" -eq 0 ] || cat "$FUNDUS_ERROR_FILE" >&2 2>/dev/null || true
exit "$status"
