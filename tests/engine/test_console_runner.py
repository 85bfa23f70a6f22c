"""The runner of our tools, where it is not mmengine's."""

import time

from torch import nn

from mmseg_fundus.engine.console import ConsoleRunner


def test_a_run_has_a_folder_of_its_own_if_others_began_in_the_same_second(tmp_path):
    now = time.time()
    earlier = {time.strftime('%Y%m%d_%H%M%S', time.localtime(now + later)) for later in (0, 1)}
    for name in earlier:
        (tmp_path / name).mkdir()
    runner = ConsoleRunner(nn.Linear(1, 1), work_dir=str(tmp_path), experiment_name=tmp_path.name)
    assert runner.timestamp not in earlier and (tmp_path / runner.timestamp).is_dir()
