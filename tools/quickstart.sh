#!/usr/bin/env bash
# Everything in one go, with no download but the Python packages: environment, synthetic pictures, a stand-in weights file with random
# contents, a training on the CPU, an evaluation, pictures to look at. Results go to work_dirs/quickstart.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/setup_env.sh
setup_env

[ -d data/synthetic/test ] || "$PYTHON" tools/make_standins.py --data data/synthetic --training 20 --test 6
[ -f weights/standin_vitb16.pth ] || "$PYTHON" tools/make_standins.py --weights weights/standin_vitb16.pth

out=work_dirs/quickstart
rm -rf "$out" # of an earlier quickstart
"$PYTHON" tools/train.py configs/quickstart.py --work-dir "$out"
best=$(ls -t "$out"/best_*.pth | head -n 1)
"$PYTHON" tools/test.py configs/quickstart.py "$best" --work-dir "$out/test" --show-dir "$out/overlays" --out "$out/masks"
"$PYTHON" tools/predict.py data/synthetic/test/images -o "$out/vessels" # by the model that comes with the package, on the same pictures

echo
grep -h 'Epoch(val)' "$(ls -t "$out"/*/*.log | head -n 1)" | sed 's/.*Epoch(val) *\[\([0-9]*\)\].*Dice: \([0-9.]*\).*/validation Dice after epoch \1: \2/'
echo "overlays (picture, label, probability; found, missed and false vessels): $out/overlays"
echo "predicted masks: $out/masks"
echo "photographs in, vessels out, by the model that comes with the package: $out/vessels/index.html"
echo "curves: $PYTHON -m tensorboard.main --logdir $out"
echo 'Synthetic pictures and random weights: this shows that everything works, not how well it works on eyes.'
