"""Try everything that a training needs, in under a minute, before starting it.

Example:
    python tools/check_setup.py configs/setr_mla_vitb16_frozen_drive.py --gpus 4
"""

import argparse
import json
import sys
import textwrap
import time

import _setup  # noqa: F401

from mmseg_fundus.cli.arguments import add_common_arguments
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.named_files import find_config


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Check configuration, weights, data, model and processes before a training.')
    parser.add_argument('config', help='config file')
    parser.add_argument('--gpus', type=int, default=1, metavar='N', help='processes the training will have (default: 1)')
    parser.add_argument('--json', action='store_true', help='print the checks as JSON, for a report of a fault')
    add_common_arguments(parser)
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    if args.gpus < 1:
        raise ConfigError(f'--gpus {args.gpus}: 1 or more was expected')
    args.config = find_config(args.config)  # other files that are missing are lines of the table
    load()
    from mmengine.logging import MMLogger

    from mmseg_fundus.engine.config import check_loaders, load_config
    from mmseg_fundus.engine.options import common_options
    from mmseg_fundus.engine.preflight import Preflight
    from mmseg_fundus.engine.whereabouts import settle_files

    options = common_options(args)
    cfg = load_config(args.config, options, args.work_dir, args.data_root, args.weights)
    check_loaders(cfg, ('train',))
    settle_files(cfg, cfg.get('load_from'), args.weights, options=options)
    MMLogger.get_instance(f'check_setup_{time.time_ns()}', log_level='ERROR')  # the table says it all
    rows = Preflight(cfg, args.gpus).run()
    problems = [row.name for row in rows if not row.passed]
    if args.json:
        print(json.dumps(dict(ready=not problems, checks=[row._asdict() for row in rows]), indent=1))
        sys.exit(1 if problems else 0)
    for row in rows:
        lines = textwrap.wrap(row.detail, 96, break_long_words=False, break_on_hyphens=False) or ['']
        print(f'{row.verdict:<12}{row.name:<19}{lines[0]}')
        for line in lines[1:]:
            print(f'{"":<31}{line}')
    warned = ', '.join(row.name for row in rows if row.verdict == 'warning')
    ready = f'ready to train; look at the warning first: {warned}' if warned else 'ready to train'
    print(f'\n{len(problems)} of {len(rows)} checks failed or could not run: {", ".join(problems)}' if problems else f'\n{ready}')
    sys.exit(1 if problems else 0)


if __name__ == '__main__':
    run(main)
