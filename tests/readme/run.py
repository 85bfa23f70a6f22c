"""Run all commands and snippets of README.md and docs/tour.md in order, as a reader would, in a fresh clone, on real pictures; then tests.

The encoder is a stand-in with random contents, trainings are cut to one epoch ($FUNDUS_EPOCHS).  What else a command is given in place
of what the page says stands in the table that is printed at the end.

Example:
    nice python tests/readme/run.py --data /data --out readme.md       # DRIVE below /data
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from commands import Shell, blocks, commands, looks_wrong  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PAGES = ('README.md', 'docs/tour.md')
# what a page says -> what is run, and why; {scratch} is the folder beside the clone
SUBSTITUTES = (
    ('bash tools/run_tests.sh', None, 'at the end'),
    ('--data-root /data --sets', '--data-root {scratch}/few --sets', 'three pictures: eight poses cost 90 s each on two cores'),
    ('--seeds 1 2 3', '--seeds 1', 'one seed'),
    ('/data/', '{scratch}/data/', ''),
    ('tensorboard --logdir work_dirs', 'timeout 30 tensorboard --logdir work_dirs --port 0 || [ $? = 124 ]', 'for 30 s'),
)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--data', type=Path, required=True, metavar='DIR', help='folder with DRIVE as it unpacks')
    parser.add_argument('--epochs', default='1', metavar='N', help='epochs of each training (default: 1)')
    parser.add_argument('--install', action='store_true', help='download all packages, instead of using those of this environment')
    parser.add_argument('--no-tests', action='store_true', help='leave tools/run_tests.sh out')
    parser.add_argument('--only', metavar='TEXT', help='only commands that hold this text, and assignments')
    parser.add_argument('--out', type=Path, metavar='FILE', help='write the table there (Markdown)')
    parser.add_argument('--keep', action='store_true', help='keep the clone')
    args = parser.parse_args()
    if not (args.data / 'DRIVE').is_dir():
        parser.error(f'--data {args.data}: no folder DRIVE in it')
    return args


def link_drive(drive: Path, to: Path, training: int, test: int) -> None:
    """DRIVE's folders with its first pictures, as links."""
    for part, count in (('training', training), ('test', test)):
        names = sorted(path.name.split('_')[0] for path in (drive / part / 'images').iterdir())[:count]
        for path in (drive / part).rglob('*.*'):
            if path.name.split('_')[0] in names:
                target = to / part / path.relative_to(drive / part)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(path.resolve())


def convert(drive: Path, part: str, count: int, picture: str, label: str) -> None:
    """The first pictures of DRIVE under other names and in other formats; ``{}`` stands for the number."""
    for path in sorted((drive / part / 'images').iterdir())[:count]:
        number = path.name.split('_')[0]
        for source, target in ((path, picture), (drive / part / f'1st_manual/{number}_manual1.gif', label)):
            target = Path(target.format(number))
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.open(source).convert('RGB' if source == path else 'L').save(target)


def prepare(args, scratch: Path, clone: Path) -> None:
    """A clone of HEAD, an environment for it, data, photographs, a stand-in where the weights are expected."""
    subprocess.run(['git', 'clone', '-q', str(ROOT), str(clone)], check=True)
    subprocess.run([sys.executable, '-m', 'venv', str(clone / '.venv')], check=True)
    if not args.install:
        scheme = {'base': str(clone / '.venv'), 'platbase': str(clone / '.venv')}
        (Path(sysconfig.get_path('purelib', vars=scheme)) / 'packages.pth').write_text(sysconfig.get_path('purelib') + '\n')
    drive = (args.data / 'DRIVE').resolve()
    (scratch / 'data').mkdir()
    (scratch / 'data/DRIVE').symlink_to(drive)
    link_drive(drive, scratch / 'few/DRIVE', 2, 1)
    stare, mine = scratch / 'data/STARE', scratch / 'data/mine'
    convert(drive, 'test', 1, f'{stare}/stare-images/im0162.ppm', f'{stare}/labels-ah/im0162.ah.ppm')
    for part, count in (('training', 6), ('test', 1)):
        convert(drive, part, count, f'{mine}/{part}/photos/{{}}.png', f'{mine}/{part}/vessels/{{}}.png')
    (clone / 'eyes').mkdir()
    Image.open(min((drive / 'test/images').iterdir())).convert('RGB').save(clone / 'eyes/eye.jpg', quality=95)
    tool = [sys.executable, 'tools/make_standins.py']
    fives = ['--layout', 'fives', '--training', '20', '--test', '2', '--data', str(scratch / 'data/FIVES')]
    subprocess.run([*tool, *fives, '--weights', 'weights/VFM_Fundus_weights.pth'], cwd=clone, check=True)


def substituted(command: str, scratch: Path) -> tuple:
    """The command that is run in a command's place (``None``: none), and what was put for what."""
    notes = []
    for found, put, why in SUBSTITUTES:
        if found in command:
            if put is None:
                return None, why
            command = command.replace(found, put.format(scratch=scratch))
            notes += [f'{found.strip()}: {why}'] if why else []
    return command, '; '.join(notes)


def steps(pages: list, scratch: Path, clone: Path) -> list:
    """``(what a page says, what is run, what differs)`` of each command and snippet."""
    found = []
    for number, block in enumerate(block for page in pages for block in blocks(page)):
        if block.language == 'bash':
            found += [(command, *substituted(command, scratch)) for command in commands(block.text)]
            continue
        title = f'snippet: {block.text.splitlines()[0]}'
        if '_base_' not in block.text:
            (clone / f'snippet_{number}.py').write_text(block.text)
            found.append((title, f'python snippet_{number}.py', 'as a script'))
            continue
        data = '' if 'data_root' in block.text else f'--data-root {scratch}/data/FIVES'
        (clone / f'configs/snippet_{number}.py').write_text(block.text.replace('/data/', f'{scratch}/data/'))
        found.append(
            (title, f'python tools/train.py configs/snippet_{number}.py {data}', 'trained' + (' on synthetic FIVES' if data else ''))
        )
    # the commands first, then the snippets, which use what those have made
    return sorted(found, key=lambda step: step[0].startswith('snippet: '))


def main():
    args = parse_args()
    scratch = Path(tempfile.mkdtemp(prefix='readme-'))
    clone = scratch / 'mmseg_fundus'
    prepare(args, scratch, clone)
    left_out = ('VIRTUAL_ENV', 'PYTHONPATH', 'FUNDUS_WEIGHTS', 'CONDA_PREFIX')
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    path = f'{Path(sys.executable).parent}:{env["PATH"]}'
    env.update(PATH=path, FUNDUS_CACHE=str(scratch / 'cache'), FUNDUS_EPOCHS=args.epochs, PYTHONUNBUFFERED='1')
    shell, rows, failed = Shell(clone, env), [], 0
    todo = steps([(clone / name).read_text() for name in PAGES], scratch, clone)
    if not args.no_tests:
        todo.append(('bash tools/run_tests.sh', 'unset FUNDUS_EPOCHS; bash tools/run_tests.sh', ''))
    for number, (said, command, note) in enumerate(todo):
        if command is None or (args.only and args.only not in said and '=' not in said.split()[0]):
            rows.append((said, '', 'not run here', note))
            continue
        print(f'[{number + 1}/{len(todo)}] {command}', flush=True)
        start = time.monotonic()
        output, status = shell.run(command)
        (scratch / f'{number + 1:02d}.log').write_text(f'$ {command}\n{output}')
        wrong = looks_wrong(output, status)
        failed += bool(wrong)
        rows.append((said, f'{time.monotonic() - start:.0f}', wrong or 'fine', note))
        print(f'    {rows[-1][1]} s: {rows[-1][2]}' + (f', see {scratch}/{number + 1:02d}.log' if wrong else ''), flush=True)
    table = ['| command | seconds | verdict | in place of what it says |', '|---|---|---|---|']
    table += ['| ' + ' | '.join(cell.replace('|', '\\|') for cell in (f'`{row[0]}`', *row[1:])) + ' |' for row in rows]
    machine = f'{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}'
    head = f'{" and ".join(PAGES)} on {machine}, epochs: {args.epochs}'
    text = '\n'.join([head, '', *table, '', f'{failed} of {len(rows)} failed' if failed else 'all fine', ''])
    print(text)
    if args.out:
        args.out.write_text(text)
    if not (failed or args.keep):
        shutil.rmtree(scratch)
    else:
        print(f'logs and the clone: {scratch}')
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()
