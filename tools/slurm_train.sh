#!/usr/bin/env bash
# slurm_train.sh PARTITION JOB_NAME CONFIG GPUS [options of train.py]: mmsegmentation's arguments.
#   GPUS_PER_NODE (8), CPUS_PER_TASK (5), SRUN_ARGS, PORT
set -euo pipefail
[ $# -ge 4 ] || { echo 'usage: slurm_train.sh PARTITION JOB_NAME CONFIG GPUS [options of train.py]' >&2; exit 2; }
partition=$1 job=$2 config=$3 gpus=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)
source "$here/setup_env.sh"
find_python
per_node=${GPUS_PER_NODE:-8}
per_node=$((gpus < per_node ? gpus : per_node))
[ -z "${PORT:-}" ] || export MASTER_PORT=$PORT
exec srun -p "$partition" --job-name="$job" --gres="gpu:$per_node" --ntasks="$gpus" --ntasks-per-node="$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "$PYTHON" -u "$here/train.py" "$config" --launcher slurm "$@"
