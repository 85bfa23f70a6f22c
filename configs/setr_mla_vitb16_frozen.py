# The recommended system: frozen ViT-B/16 with VisionFM's fundus weights, MLA decoder, FIVES at 224, batch 4 per GPU, 100 epochs.
_base_ = [
    './_base_/models/setr_mla_vitb16.py',
    './_base_/datasets/fives.py',
    './_base_/schedules/adam_cosine_100e.py',
]
