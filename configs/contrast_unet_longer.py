# The bundled model: contrast_unet, trained on for 120 epochs with fewer scales. It begins at that training's last epoch (seed 1).
_base_ = './contrast_unet.py'
train_dataloader = dict(dataset=dict(view=dict(scale=(0.85, 1.2))))
optim_wrapper = dict(optimizer=dict(lr=2e-3))
train_cfg = dict(max_epochs=120, val_interval=60)
load_from = 'work_dirs/contrast_unet/epoch_90.pth'
