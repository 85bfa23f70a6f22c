"""mmseg's and mmengine's Python interfaces, in scripts that import nothing of ours."""

import json

import numpy as np
from habits import row
from PIL import Image
from trial import Trial, near, same, true

KIND = 'Python interfaces'


def _script(trial: Trial, code: str) -> list:
    """Run a script; ``CONFIG``, ``CHECKPOINT``, ``PICTURES`` stand for paths.  What its last line prints."""
    pictures = sorted(str(path) for path in (trial.data / 'test' / 'images').iterdir())
    head = f'CONFIG, CHECKPOINT = {str(trial.folder / "tiny.py")!r}, {str(trial.work / "epoch_2.pth")!r}\nPICTURES = {pictures!r}\n'
    out = trial.python(head + code).out.strip().splitlines()
    return json.loads(out[-1])


@row(KIND, 'MMSegInferencer(model=config, weights=checkpoint)')
def inferencer(trial: Trial):
    """Three files give three masks of 64 x 64 of 0 and 1; an array gives the mask that its file gives."""
    trial.take_trained()
    shapes, values, equal = _script(
        trial,
        """
import json
import mmcv
import numpy as np
from mmseg.apis import MMSegInferencer
infer = MMSegInferencer(model=CONFIG, weights=CHECKPOINT, device='cpu')
found = infer(PICTURES)['predictions']
array = mmcv.imread(PICTURES[0], backend='pillow')
alone = infer(array)['predictions']
print()
print(json.dumps([[list(f.shape) for f in found], sorted({int(v) for f in found for v in np.unique(f)}), bool((alone == found[0]).all())]))
""",
    )
    same(shapes, [[64, 64]] * 3, 'shapes')
    true(set(values) <= {0, 1}, f'values {values}')
    true(equal, 'the array gives another mask')


@row(KIND, 'MMSegInferencer(..., out_dir=...)')
def out_dir(trial: Trial):
    """The folders are made: three pictures in `vis`, three masks in `pred`."""
    trial.take_trained()
    counts = _script(
        trial,
        """
import json, os
from mmseg.apis import MMSegInferencer
MMSegInferencer(model=CONFIG, weights=CHECKPOINT, device='cpu')(PICTURES, out_dir='inferred')
print()
print(json.dumps([len(os.listdir('inferred/' + name)) for name in ('vis', 'pred')]))
""",
    )
    same(counts, [3, 3], 'files')


@row(KIND, 'MMSegInferencer(..., return_vis=True)')
def return_vis(trial: Trial):
    """Three drawn pictures come back, as arrays of uint8, no two alike."""
    trial.take_trained()
    kinds, different = _script(
        trial,
        """
import json
from mmseg.apis import MMSegInferencer
drawn = MMSegInferencer(model=CONFIG, weights=CHECKPOINT, device='cpu')(PICTURES, return_vis=True)['visualization']
print()
print(json.dumps([[str(d.dtype) for d in drawn], not (drawn[0] == drawn[1]).all()]))
""",
    )
    same(kinds, ['uint8'] * 3, 'kinds of arrays')
    true(different, 'the first two are the same picture')


@row(KIND, 'init_model, inference_model, show_result_pyplot')
def init_model(trial: Trial):
    """The classes are background and vessel; the mask is that of `tools/predict.py` to the pixel; the drawing is a file."""
    trial.take_trained()
    classes, vessels = _script(
        trial,
        """
import json
from mmseg.apis import inference_model, init_model, show_result_pyplot
model = init_model(CONFIG, CHECKPOINT, device='cpu')
result = inference_model(model, PICTURES[0])
show_result_pyplot(model, PICTURES[0], result, show=False, out_file='drawn/result.png')
print()
print(json.dumps([list(model.dataset_meta['classes']), int(result.pred_sem_seg.data.sum())]))
""",
    )
    same(classes, ['background', 'vessel'], 'classes')
    true((trial.folder / 'drawn' / 'result.png').is_file(), 'no drawing')
    picture = sorted((trial.data / 'test' / 'images').iterdir())[0]
    trial.tool('predict', picture, '-o', 'predicted', '--config', trial.folder / 'tiny.py', '--checkpoint', trial.work / 'epoch_2.pth')
    (mask,) = (trial.folder / 'predicted' / 'mask').iterdir()
    same(int((np.asarray(Image.open(mask)) > 0).sum()), vessels, 'vessel pixels')


@row(KIND, 'inference_model with an array, and with a list')
def inference_arrays(trial: Trial):
    """A list of two gives two results, the array the result of its file."""
    trial.take_trained()
    many, equal = _script(
        trial,
        """
import json, mmcv
from mmseg.apis import inference_model, init_model
model = init_model(CONFIG, CHECKPOINT, device='cpu')
many = inference_model(model, PICTURES[:2])
array = inference_model(model, mmcv.imread(PICTURES[0], backend='pillow'))
print()
print(json.dumps([len(many), bool((array.pred_sem_seg.data == many[0].pred_sem_seg.data).all())]))
""",
    )
    same(many, 2, 'results')
    true(equal, 'the array gives another mask')


@row(KIND, "mmengine's Runner in a script: train, then test")
def runner(trial: Trial):
    """Two epochs, and the Dice of its test is that of `tools/test.py`."""
    trial.config()
    dice = _script(
        trial,
        """
import json
from mmengine.config import Config
from mmengine.runner import Runner
cfg = Config.fromfile(CONFIG)
runner = Runner.from_cfg(cfg)
runner.train()
figures = runner.test()
print()
print(json.dumps(figures['Accuracy']))
""",
    )
    same(trial.checkpoint()['meta']['epoch'], 2, 'epochs')
    trial.test()
    near(trial.results['metrics']['Accuracy'], dice, 'accuracy', tolerance=1e-3)


@row(KIND, 'init_model without a checkpoint')
def no_checkpoint(trial: Trial):
    """The encoder has its weights all the same: its fingerprint is that of the file."""
    trial.config()
    (trial.work).mkdir()
    same(
        _script(
            trial,
            """
import json
from mmseg.apis import init_model
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
init_default_scope('mmseg')
model = init_model(CONFIG, device='cpu')
other = MODELS.build(Config.fromfile(CONFIG).model)
print()
print(json.dumps(model.backbone.fingerprint() == other.backbone.fingerprint()))
""",
        ),
        True,
        'fingerprint',
    )
