"""One training of tools/probe_encoder.py: trains from a whole config and tests what comes out of it; results.json lies beside it then."""

import sys

import _setup  # noqa: F401

from mmseg_fundus.cli.run import load, run


def main():
    config, work_dir = sys.argv[1:]
    load()
    from mmseg_fundus.engine.config import load_config
    from mmseg_fundus.engine.inputs import check_inputs
    from mmseg_fundus.engine.resume import ResumingRunner

    cfg = load_config(config, work_dir=work_dir)
    check_inputs(cfg, ('train', 'test'))
    runner = ResumingRunner.from_cfg(cfg)
    runner.train()
    runner.test()


if __name__ == '__main__':
    run(main)
