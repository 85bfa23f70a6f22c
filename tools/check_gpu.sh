#!/usr/bin/env bash
# check_gpu.sh [GPUS]: what only a machine with GPUs can show, in one call: NCCL, mixed precision, memory and time per step, on the
# quickstart's synthetic pictures and stand-in weights. Prints the step lines of each run.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/setup_env.sh
find_python
gpus=${1:-1}
"$PYTHON" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || { echo 'error: torch sees no GPU here' >&2; exit 1; }
[ -d data/synthetic/test ] || "$PYTHON" tools/make_standins.py --data data/synthetic --training 20 --test 6
[ -f weights/standin_vitb16.pth ] || "$PYTHON" tools/make_standins.py --weights weights/standin_vitb16.pth
"$PYTHON" tools/check_setup.py configs/quickstart.py --gpus "$gpus"
mkdir -p work_dirs
exact=(model.precision=float32 model.backbone.precision=float32)
for mode in fp32 bf16 fp16; do # fp16 is what --amp means on GPUs without bfloat16
    options=(--work-dir "work_dirs/check_gpu_$mode" --cfg-options train_cfg.val_interval=20 default_hooks.logger.interval=1)
    case $mode in
        fp32) options+=("${exact[@]}") ;;
        bf16) options+=(--amp) ;;
        fp16) options+=("${exact[@]}" optim_wrapper.type=AmpOptimWrapper optim_wrapper.dtype=float16 optim_wrapper.loss_scale=dynamic) ;;
    esac
    bash tools/dist_train.sh configs/quickstart.py "$gpus" "${options[@]}" >"work_dirs/check_gpu_$mode.log" 2>&1 ||
        { tail -n 5 "work_dirs/check_gpu_$mode.log" >&2; exit 1; }
    echo "$mode:"
    grep -h 'Epoch(train)' "work_dirs/check_gpu_$mode.log" | tail -n 2
    grep -h 'Epoch(val)' "work_dirs/check_gpu_$mode.log" | tail -n 1
done
