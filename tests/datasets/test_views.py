"""A random view depends on seed, epoch and picture alone."""

import pickle
from itertools import islice

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS
from torch.utils.data import DataLoader

from mmseg_fundus.datasets import DRIVEVesselDataset, FundusVessels, InfiniteViewSampler, View, ViewSampler
from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.errors import ConfigError, DataError

AUGMENTATION = dict(size=(64, 64), rotate=90, scale=(0.5, 2))


def epoch_of(dataset, epoch, workers, seed=7):
    sampler = ViewSampler(dataset, shuffle=True, seed=seed)
    sampler.set_epoch(epoch)
    return torch.stack(list(DataLoader(dataset, batch_size=None, sampler=sampler, num_workers=workers, collate_fn=lambda s: s['inputs'])))


def test_views_do_not_depend_on_the_number_of_workers_or_on_what_was_drawn_before(drive_like):
    dataset = DRIVEVesselDataset(drive_like, 'trainval', augmentation=AUGMENTATION)
    np.random.seed(0)
    first = epoch_of(dataset, 3, workers=0)
    np.random.seed(1)
    epoch_of(dataset, 0, workers=0)
    assert torch.equal(first, epoch_of(dataset, 3, workers=2))


def test_views_change_with_epoch_seed_and_picture(drive_like):
    dataset = DRIVEVesselDataset(drive_like, 'trainval', augmentation=AUGMENTATION)
    views = [dataset[View(*v)]['inputs'] for v in ((0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0))]
    assert all(not torch.equal(a, b) for i, a in enumerate(views) for b in views[:i])
    assert torch.equal(views[0], dataset[View(0, 0, 0)]['inputs'])


def test_a_bare_index_still_works(drive_like):
    assert DRIVEVesselDataset(drive_like, 'trainval', augmentation=AUGMENTATION)[0]['inputs'].shape == (3, 64, 64)


def test_repeats_draw_several_views_of_each_picture_in_an_epoch(drive_like):
    dataset = DRIVEVesselDataset(drive_like, 'trainval', augmentation=AUGMENTATION)
    views = list(ViewSampler(dataset, shuffle=True, seed=1, repeats=3))
    assert sorted((view.index, view.number) for view in views) == [(i, number) for i in range(6) for number in range(3)]
    with pytest.raises(ConfigError, match='repeats=0'):
        ViewSampler(dataset, repeats=0)


def joined(*members):
    return DATASETS.build(dict(type='ConcatDataset', datasets=list(members)))


def member(root, **settings):
    return dict(type='DRIVEVesselDataset', data_root=str(root), split='trainval', augmentation=AUGMENTATION, verify=False, **settings)


def test_what_hands_on_no_views_is_refused(drive_like):
    one = member(drive_like)
    for inner in (dict(type='ClassBalancedDataset', oversample_thr=0.5, dataset=one), dict(type='RepeatDataset', times=2, dataset=one)):
        dataset = DATASETS.build(dict(type='ConcatDataset', datasets=[one, inner]))
        if inner['type'] == 'RepeatDataset':
            assert len(ViewSampler(dataset)) == 18
        else:
            with pytest.raises(ConfigError, match='ClassBalancedDataset cannot draw views'):
                ViewSampler(dataset)


def test_a_view_goes_through_joined_and_repeated_data_sets_and_to_a_worker_as_one():
    view = pickle.loads(pickle.dumps(View(13, 4, 9)))
    assert (view.index, view.number, view.seed) == (13, 4, 9) and view == View(13, 4, 9) != View(13, 5, 9) and view == 13
    assert (view - 3, view % 5) == (View(10, 4, 9), View(3, 4, 9)) and isinstance(view - 3, View) and [*range(20)][view] == 13


@pytest.mark.parametrize('views', [None, 7])
def test_joined_and_repeated_pictures_are_the_views_of_the_data_set_alone(drive_like, tmp_path, views):
    """Of ``[A, 3 x (B, A')]`` each picture is the view that its number says of its own data set, whatever stands before it."""
    other = write_drive_layout(tmp_path / 'other', training=2, test=1, size=64, seed=5)
    inner = dict(type='ConcatDataset', datasets=[member(other), member(drive_like, indices=[4, 1])])
    dataset = joined(member(drive_like), dict(type='RepeatDataset', times=3, dataset=inner))
    alone = {root: DATASETS.build(member(root)) for root in (drive_like, other)}
    places = [(drive_like, i) for i in range(6)] + [(other, 0), (other, 1), (drive_like, 4), (drive_like, 1)] * 3
    sampler, numbers = ViewSampler(dataset, seed=3, repeats=2, views=views), {}
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for view in sampler:
            root, i = places[view]
            numbers.setdefault((int(view) >= 6, root, i), []).append(view.number)
            if epoch == 1 and view.number % 3 == 1:
                assert torch.equal(dataset[view]['inputs'], alone[root][View(i, view.number, view.seed)]['inputs'])
    assert len(numbers) == 10
    for (repeated, _, _), found in numbers.items():  # of 2 epochs x 2 repeats, x 3 where the data set is repeated
        expected = range(12 if repeated else 4)
        assert sorted(found) == sorted(number if views is None else number % views for number in expected)
    many = ViewSampler(dataset, repeats=2, views=100)
    assert many.views_in(2) == 12 and len(many.different_views(2)) == 6 * 4 + 4 * 12 and sampler.views_in(None) == views
    if views is None:
        with pytest.raises(ConfigError, match='how many epochs'):
            sampler.different_views(None)
    else:
        assert (
            len(sampler.different_views(2)) == 6 * min(views, 4) + 4 * min(views, 12) and len(sampler.different_views(None)) == 10 * views
        )


def test_a_balanced_draw_takes_each_source_equally_often_and_goes_on_where_an_epoch_ended(drive_like, tmp_path):
    other = write_drive_layout(tmp_path / 'other', training=2, test=1, size=64, seed=5)
    sources = [dict(type='DRIVE', root=str(root)) for root in (drive_like, other)]
    for dataset in (FundusVessels(sources, 'trainval', view=AUGMENTATION, verify=False), joined(member(drive_like), member(other))):
        sampler, drawn = ViewSampler(dataset, seed=3, draw='balanced', repeats=2, views=100), []
        for epoch in range(3):
            sampler.set_epoch(epoch)
            now = list(sampler)
            assert len(now) == 16 and sum(view < 6 for view in now) == 8, 'as many as of 8 pictures, half of each source'
            drawn += now
        found = {index: sorted(view.number for view in drawn if view == View(index, view.number, 0)) for index in range(8)}
        assert all(found[index] == list(range(4)) for index in range(6)) and found[6] == found[7] == list(range(12))
        assert sampler.views_in(3) == 12 and set(sampler.different_views(3)) == set(drawn) and len(sampler.different_views(3)) == len(drawn)
        assert list(sampler) == list(sampler)
    with pytest.raises(ConfigError, match="draw='balanced' needs several sources"):
        ViewSampler(DATASETS.build(member(drive_like)), draw='balanced')
    with pytest.raises(ConfigError, match="draw='even' is unknown"):
        ViewSampler(dataset, draw='even')


@pytest.mark.parametrize('draw', ['natural', 'balanced'])
def test_two_processes_draw_what_one_does_and_a_loop_of_iterations_goes_on_exactly(drive_like, tmp_path, monkeypatch, draw):
    other = write_drive_layout(tmp_path / 'other', training=2, test=1, size=64, seed=5)
    dataset = joined(member(drive_like), member(other))
    arguments = dict(seed=3, draw=draw, repeats=2)
    whole, shares = list(ViewSampler(dataset, **arguments)), []
    for rank in range(2):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, 2))
        shares.append(list(ViewSampler(dataset, **arguments)))
    monkeypatch.undo()
    assert [view for pair in zip(*shares) for view in pair] == whole
    endless, resumed = InfiniteViewSampler(dataset, **arguments), InfiniteViewSampler(dataset, **arguments)
    resumed.skip(21)
    assert list(islice(endless, 21, 60)) == list(islice(resumed, 39)) and list(islice(endless, 16)) == whole


def test_the_order_and_the_numbers_of_one_data_set_are_those_of_before(drive_like):
    """As drawn by the first version: losses of a training stay what they were."""
    sampler = ViewSampler(DATASETS.build(member(drive_like)), seed=7, repeats=2)
    sampler.set_epoch(1)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(8)).tolist()
    assert [(view.index, view.number, view.seed) for view in sampler] == [(i % 6, 2 + i // 6, 7) for i in order]


@pytest.mark.slow
@pytest.mark.parametrize('folder', ['images', '1st_manual', 'mask'])
def test_a_file_that_vanishes_is_named_by_a_worker_too(tmp_path, folder):
    root = write_drive_layout(tmp_path / 'DRIVE', training=2, test=1, size=64)
    dataset = DRIVEVesselDataset(root, 'trainval', augmentation=AUGMENTATION)
    gone = min((root / 'training' / folder).iterdir())
    gone.unlink()
    with pytest.raises(DataError, match=gone.name):
        epoch_of(dataset, 0, workers=1)
