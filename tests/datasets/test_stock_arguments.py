"""What mmseg's data sets take and ours would get wrong."""

import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets import LoadAnnotations

from mmseg_fundus.datasets import DRIVEVesselDataset
from mmseg_fundus.errors import ConfigError

LOAD, PACK = dict(type='LoadImageFromFile', imdecode_backend='pillow'), dict(type='PackSegInputs')


class OwnAnnotations(LoadAnnotations):
    """What is not 0 is vessel."""

    def transform(self, results):
        results = super().transform(results)
        results['gt_seg_map'] = (results['gt_seg_map'] > 0).astype(np.uint8)
        return results


@pytest.mark.parametrize(
    'pipeline',
    [
        [LOAD, dict(type='LoadAnnotations'), PACK],
        [LOAD, dict(type=LoadAnnotations), PACK],
        [LoadImageFromFile(imdecode_backend='pillow'), LoadAnnotations(), PACK],
        [LOAD, dict(type='TestTimeAug', transforms=[[dict(type='LoadAnnotations')], [PACK]])],
    ],
    ids=['name', 'class', 'built', 'nested'],
)
def test_mmsegs_annotations_are_refused_and_the_step_in_their_place_is_named(drive_like, pipeline):
    with pytest.raises(ConfigError, match="use dict\\(type='LoadVesselAnnotations'\\)"):
        DRIVEVesselDataset(drive_like, pipeline=pipeline)


@pytest.mark.parametrize('step', [dict(type='LoadVesselAnnotations'), dict(type=OwnAnnotations, imdecode_backend='pillow')])
def test_steps_that_read_vessels_as_vessels_are_taken(drive_like, step):
    dataset = DRIVEVesselDataset(drive_like, pipeline=[LOAD, step, PACK])
    label = dataset[0]['data_samples'].gt_sem_seg.data
    assert (label == 1).sum() > 300  # of 4096 pixels


@pytest.mark.parametrize('classes', [('vessel', 'background'), ('vessel',), ['background', 'artery', 'vein'], 'classes.txt'])
def test_other_classes_are_refused(drive_like, classes):
    with pytest.raises(ConfigError, match='labels are 0 for background and 1 for vessel'):
        DRIVEVesselDataset(drive_like, metainfo=dict(classes=classes))


def test_the_same_classes_and_other_colours_are_taken(drive_like):
    dataset = DRIVEVesselDataset(drive_like, metainfo=dict(classes=['background', 'vessel'], palette=[[0, 0, 0], [255, 0, 0]]))
    assert dataset.metainfo['palette'][1] == [255, 0, 0]
