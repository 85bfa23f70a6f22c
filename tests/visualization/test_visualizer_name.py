from mmseg.registry import VISUALIZERS

from mmseg_fundus.visualization import VesselVisualizer


def test_the_configs_visualizer_is_built_without_a_name_and_under_the_runners():
    unnamed = VISUALIZERS.build(dict(type='VesselVisualizer'))
    named = [VISUALIZERS.build(dict(type='VesselVisualizer', name=name)) for name in ('run_1', 'run_2', 'run_1')]
    assert isinstance(unnamed, VesselVisualizer) and unnamed.instance_name == 'visualizer'
    assert [visualizer.instance_name for visualizer in named] == ['run_1', 'run_2', 'run_1']
    assert named[0] is named[2] and named[0] is not named[1]
