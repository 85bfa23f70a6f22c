"""Losses of mmseg with our head: pixels outside the field of view (255) must not count."""

from habits import row
from trial import Trial, same, true

from mmseg_fundus.stack import installed_versions

KIND = 'Losses, with our head'
GRADIENTS = """
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

config = Config.fromfile({config!r})
init_default_scope('mmseg')
head = MODELS.build(config.model).decode_head
torch.manual_seed(0)
logits = torch.randn(2, 2, 32, 32, requires_grad=True)
label = torch.randint(0, 2, (2, 1, 32, 32))
label[..., :10] = 255
losses = head.loss_by_feat(logits, [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in label])
sum(value for name, value in losses.items() if 'loss' in name).backward()
print(float(logits.grad[..., :10].abs().max()), float(logits.grad[..., 10:].abs().max()))
"""


def _trains(trial: Trial, loss: str, name: str) -> None:
    """Train with a loss; its curve is there and finite, and the gradient of the logits is zero where the label is 255."""
    trial.train(f"model['decode_head']['loss_decode'] = {loss}\nmodel['auxiliary_head'] = None", *LOGGED)
    curve = trial.scalars(f'train/decode.{name}')
    true(curve and all(value == value and abs(value) < 1e4 for value in curve), f'curve of {name}: {curve}')
    code = GRADIENTS.format(config=str(trial.folder / 'tiny.py'))
    outside, inside = map(float, trial.python(code).out.strip().splitlines()[-1].split())
    true(inside > 0, 'no gradient where the label counts')
    same(outside, 0.0, 'gradient where the label is 255')


LOGGED = ('--cfg-options', 'default_hooks.logger.interval=1')


LOOKS_UP_255 = 'mmsegmentation' in installed_versions()  # upstream takes the label 255 for a class whose weight it looks up


@row(KIND, 'CrossEntropyLoss(class_weight=...)', refused='VesselLoss' if LOOKS_UP_255 else None)
def cross_entropy(trial: Trial):
    """Trains; pixels of label 255 have no gradient. Upstream's fails on them: one line."""
    loss = "dict(_delete_=True, type='CrossEntropyLoss', class_weight=[1.0, 4.0])"
    if LOOKS_UP_255:
        return trial.train(f"model['decode_head']['loss_decode'] = {loss}\nmodel['auxiliary_head'] = None", check=False)
    _trains(trial, loss, 'loss_ce')


@row(KIND, 'LovaszLoss')
def lovasz(trial: Trial):
    """Trains; pixels of label 255 have no gradient."""
    _trains(trial, "dict(_delete_=True, type='LovaszLoss', reduction='none')", 'loss_lovasz')


@row(KIND, 'TverskyLoss')
def tversky(trial: Trial):
    """Trains; pixels of label 255 have no gradient."""
    _trains(trial, "dict(_delete_=True, type='TverskyLoss')", 'loss_tversky')


@row(KIND, 'OhemCrossEntropy', refused='VesselLoss')
def ohem(trial: Trial):
    """It does not take what mmseg's heads hand to a loss (its own head does): one line."""
    loss = "dict(_delete_=True, type='OhemCrossEntropy', thres=0.9, min_kept=100)"
    return trial.train(f"model['decode_head']['loss_decode'] = {loss}", check=False)


@row(KIND, 'DiceLoss', refused='VesselLoss')
def dice(trial: Trial):
    """mmseg's counts pixels of label 255 as wrong wherever they are predicted: refused, the line names the loss that does not."""
    return trial.train("model['decode_head']['loss_decode'] = dict(_delete_=True, type='DiceLoss', use_sigmoid=False)", check=False)


@row(KIND, 'FocalLoss', refused='focal_gamma')
def focal(trial: Trial):
    """mmseg's fails on the CPU for two classes and a softmax; the line names our loss's argument for it."""
    return trial.train("model['decode_head']['loss_decode'] = dict(_delete_=True, type='FocalLoss')", check=False)


@row(KIND, 'A list of losses: CrossEntropyLoss and VesselLoss')
def several(trial: Trial):
    """Both curves are there; pixels of label 255 have no gradient."""
    _trains(trial, "[dict(type='CrossEntropyLoss'), dict(type='VesselLoss', ce_weight=0, dice_weight=1)]", 'loss_vessel')
    true(trial.scalars('train/decode.loss_ce'), 'no curve of the cross entropy')


@row(KIND, 'OHEMPixelSampler with CrossEntropyLoss')
def pixel_sampler(trial: Trial):
    """Trains; pixels of label 255 have no gradient."""
    loss = "dict(_delete_=True, type='CrossEntropyLoss')\nmodel['decode_head']['sampler'] = dict(type='OHEMPixelSampler', min_kept=50)"
    _trains(trial, loss, 'loss_ce')


@row(KIND, 'OHEMPixelSampler with VesselLoss', refused='decode_head.sampler')
def pixel_sampler_ours(trial: Trial):
    """The sampler is not passed over in silence."""
    return trial.train("model['decode_head']['sampler'] = dict(type='OHEMPixelSampler', min_kept=50)", check=False)


@row(KIND, 'auxiliary_head: an FCNHead beside ours')
def auxiliary(trial: Trial):
    """Its loss is the curve `aux.loss_ce`, and it has weights in the checkpoint."""
    trial.train(
        "model['auxiliary_head'] = dict(type='FCNHead', in_channels=16, in_index=0, channels=8, num_convs=1, num_classes=2,\n"
        "    loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))",
        *LOGGED,
    )
    true(len(trial.scalars('train/aux.loss_ce')) == 4, 'curve of aux.loss_ce')
    true(any(name.startswith('auxiliary_head.') for name in trial.checkpoint()['state_dict']), 'no weights of it')
    trial.test()


@row(KIND, 'auxiliary_head with DiceLoss', refused='VesselLoss')
def auxiliary_dice(trial: Trial):
    """The same fault in another place: refused there too."""
    return trial.train(
        "model['auxiliary_head'] = dict(type='FCNHead', in_channels=16, in_index=0, channels=8, num_convs=1, num_classes=2,\n"
        "    loss_decode=dict(type='DiceLoss', use_sigmoid=False))",
        check=False,
    )


@row(KIND, 'out_channels=1 with a sigmoid', refused='leave num_classes=2 and out_channels out')
def one_channel(trial: Trial):
    """The line says how vessels are segmented here."""
    extra = "model['decode_head'].update(out_channels=1, loss_decode=dict(_delete_=True, type='CrossEntropyLoss', use_sigmoid=True))"
    return trial.train(extra, check=False)


@row(KIND, 'num_classes=4', refused='two classes')
def four_classes(trial: Trial):
    """Arteries and veins are not segmented (yet)."""
    return trial.train("model['decode_head']['num_classes'] = 4", check=False)
