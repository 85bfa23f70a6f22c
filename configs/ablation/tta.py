# Probabilities averaged over the eight flips and quarter turns at prediction.
_base_ = './base.py'
model = dict(test_cfg=dict(tta=True))
