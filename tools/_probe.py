"""What tools/probe_encoder.py does when its arguments are in order: all trainings of a probe, and the record of what they found."""

import threading
import time
from pathlib import Path

from _jobs import call, gpus_to_use, share_out
from prettytable import PrettyTable

from mmseg_fundus import results
from mmseg_fundus.choices import COMPARED, CROPS
from mmseg_fundus.datasets.sources import known_sources, source_class
from mmseg_fundus.engine.inputs import check_inputs
from mmseg_fundus.engine.probe import FILE, RANDOM, VIEWS, ZEROS, Pictures, Run, find_pictures, probe_config, run_digest
from mmseg_fundus.errors import ConfigError, DataError, printable
from mmseg_fundus.fileio.checksum import file_sha256
from mmseg_fundus.fileio.whole_files import write_whole
from mmseg_fundus.models.encoders.redrawn import write_redrawn
from mmseg_fundus.report.probe import make_probe_page
from mmseg_fundus.results.probe import Probe
from mmseg_fundus.results.provenance import versions

STEP, VIEW, START = 0.75, 0.25, 40  # seconds on two CPU cores, ViT-B: a step, the encoder's maps of a view, the rest of a run


def set_name(name: str, option: str) -> str:
    """The name of a known source, in any case."""
    kind = source_class(name)
    if kind is None or kind.general:
        raise ConfigError(f'{option} {name}: unknown, use one of {", ".join(known_sources())}')
    return kind.name


def other_sets(args, dataset: str) -> dict[str, Path]:
    """``{name: folder}`` of ``--other``."""
    found = {}
    for given in args.other:
        name, equals, folder = given.partition('=')
        if not equals or not folder:
            raise ConfigError(f'--other {given}: SET=DIR was expected, e.g. STARE=/data/STARE')
        name = set_name(name, '--other')
        if name == dataset or name in found:
            raise ConfigError(f'--other {given}: {name} {"trains" if name == dataset else "stands there twice"}; leave it out')
        if not Path(folder).is_dir():
            raise DataError(f'--other {given}: no such folder')
        found[name] = Path(folder)
    return found


def encoder_names(files: list[Path]) -> dict[str, tuple[Path, str]]:
    """``{name: (file, SHA-256)}``; the name is as short as tells them apart."""
    found = {}
    for file in files:
        digest = file_sha256(file)
        same = next((name for name, (_, known) in found.items() if known == digest), None)
        if same:
            raise ConfigError(f'--weights {file} has the contents of {found[same][0]}; leave one out')
        stems = [one.stem for one in files]
        name = file.stem if stems.count(file.stem) == 1 else str(file)
        found[printable(name)] = (file.resolve(), digest)
    return found


class Trainings:
    """All runs of a probe, what is known of each, and how far they are."""

    def __init__(self, args, pictures: Pictures, encoders: dict, labels: list[int]):
        self.args, self.pictures, self.encoders = args, pictures, encoders
        self.crops = CROPS // 2 if args.quick else CROPS
        self.epochs = args.epochs or (1 if args.quick else None)
        self.lock, self.done, self.spent = threading.Lock(), 0, []
        self.runs = [
            Run(name, kind, str(self.random_file(name, seed) if kind == RANDOM else file), count, seed)
            for count in reversed(labels)
            for seed in args.seeds
            for name, (file, _) in encoders.items()
            for kind in (FILE, RANDOM, ZEROS)
        ]
        self.configs = {run: probe_config(args.config, run, pictures, 'work', self.epochs, self.crops) for run in self.runs}
        for name, (file, _) in encoders.items():
            cfg = self.configs[next(run for run in self.runs if run.encoder == name and run.kind == FILE)].copy()
            cfg.model.backbone.weights = str(file)
            check_inputs(cfg, ('train', 'test'))
        self.folders = {run: self.folder(run) for run in self.runs}
        self.steps = self.configs[self.runs[0]].train_cfg.max_epochs * (
            self.crops // self.configs[self.runs[0]].train_dataloader.batch_size
        )

    def random_file(self, name: str, seed: int) -> Path:
        file, digest = self.encoders[name]
        suffix = '.safetensors' if file.suffix == '.safetensors' else '.pth'
        return (self.args.work_dir / 'random' / f'{digest[:8]}_seed{seed}{suffix}').absolute()

    def folder(self, run: Run) -> Path:
        digest = run_digest(self.configs[run], run, self.pictures, self.encoders[run.encoder][1])
        return self.args.work_dir / 'runs' / f'{digest}_{run.kind.split()[0]}_{run.labels}_seed{run.seed}'

    def finished(self, run: Run) -> bool:
        return (self.folders[run] / results.record.FILE).is_file()

    def estimate(self) -> float:
        """Seconds that the runs that are left take about, on two CPU cores."""
        views = VIEWS * len({(run.encoder, run.kind, run.seed, run.labels) for run in self.left if run.kind != ZEROS})
        return len(self.left) * (START + STEP * self.steps) + VIEW * views

    @property
    def left(self) -> list[Run]:
        return [run for run in self.runs if not self.finished(run)]

    def carry_out(self, run: Run, gpu: str | None) -> None:
        """One run, in a process of its own."""
        folder, began = self.folders[run], time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        with self.lock:
            if run.kind == RANDOM and not Path(run.weights).is_file():
                write_redrawn(self.encoders[run.encoder][0], run.weights, run.seed)
        cfg = self.configs[run].copy()
        cfg.work_dir = str(folder)
        write_whole(folder / 'run.py', lambda path: path.write_text(cfg.pretty_text, encoding='utf-8'))
        call(run.name, folder / 'run.log', gpu, '_probe_run.py', folder / 'run.py', folder)
        with self.lock:
            self.done += 1
            self.spent.append(time.monotonic() - began)
            left = self.total - self.done
            ahead = f'; about {left * sum(self.spent) / self.done / self.at_once / 60:.0f} min left' if left else ''
            figure = sum(row[self.args.figure] or 0 for row in self.rows(run)[0]) / len(self.pictures.held_out)
            print(f'[{self.done}/{self.total}] {run.name}: {self.args.figure} {figure:.4f}, {self.spent[-1]:.0f} s{ahead}', flush=True)

    def carry_all_out(self, gpus: int) -> None:
        """What is left; raises after all others are done if one failed."""
        left = self.left
        self.total, self.at_once = len(left), max(gpus, 1)
        if len(self.runs) > len(left):
            print(f'{len(self.runs) - len(left)} of {len(self.runs)} trainings are done already')
        futures = share_out(left, self.carry_out, gpus)
        failed = [future.exception() for future in futures if future.exception()]
        if failed:
            raise ConfigError(f'{len(failed)} of {len(left)} trainings failed; the others are kept. {failed[0]}')

    def rows(self, run: Run) -> list[list[dict]]:
        """Rows of the held-out pictures, and of each other set, as they were tested in order."""
        found = results.load(self.folders[run] / results.record.FILE).report.pictures
        parts, counts = [], [len(self.pictures.held_out)]
        if run.labels == self.pictures.most:
            counts += [len(indices) for _, indices in self.pictures.others.values()]
        if len(found) != sum(counts):
            raise DataError(f'{self.folders[run]} holds figures of {len(found)} pictures, {sum(counts)} were expected; delete that folder')
        for count in counts:
            parts.append(found[:count])
            found = found[count:]
        return parts

    def column(self, labels: int, part: int) -> str:
        if part:
            return f'on {list(self.pictures.others)[part - 1]}'
        whole = labels == self.pictures.most
        return f'{self.pictures.dataset}, {"all " if whole else ""}{labels} picture{"s" * (labels != 1)}'

    def probe(self) -> Probe:
        """The record of all runs."""
        rows, columns = [], []
        for one in sorted(self.runs, key=lambda one: one.labels):
            for part, found in enumerate(self.rows(one)):
                columns.append(self.column(one.labels, part))
                about = dict(encoder=one.encoder, kind=one.kind, column=columns[-1], seed=one.seed)
                rows += [{**about, 'picture': row['picture'], **{name: row.get(name) for name in COMPARED}} for row in found]
        settings = {'steps': self.steps, 'seeds': ' '.join(map(str, self.args.seeds)), 'held-out pictures': len(self.pictures.held_out)}
        files = {name: {'path': str(file), 'sha256': digest} for name, (file, digest) in self.encoders.items()}
        common = dict(dataset=self.pictures.dataset, figure=self.args.figure, settings=settings, versions=versions())
        return Probe(columns=list(dict.fromkeys(columns)), encoders=list(self.encoders), files=files, rows=rows, **common)


def probe(args) -> None:
    """Carry out what is asked for; ``args`` as ``parse_args`` of tools/probe_encoder.py gives them."""
    gpus = gpus_to_use(args.gpus)
    dataset = set_name(args.dataset, '--dataset')
    below = args.data_root / dataset
    root = below if below.is_dir() else args.data_root
    others = other_sets(args, dataset)
    encoders = encoder_names(args.weights)
    pictures = find_pictures(dataset, root.absolute(), {name: folder.absolute() for name, folder in others.items()})
    there = pictures.most
    asked = args.labels or (['all'] if args.quick else [str(count) for count in (1, 5) if count < there] + ['all'])
    labels = sorted({there if label == 'all' else int(label) for label in asked})
    if labels[-1] > there:
        raise ConfigError(
            f'--labels {labels[-1]}: {dataset} has {there} training pictures here, {len(pictures.held_out)} more are held out'
        )
    trainings = Trainings(args, pictures, encoders, labels)
    left = trainings.left
    print(
        f'{len(trainings.runs)} trainings of {trainings.steps} steps ({len(left)} to do), about {trainings.estimate() / 60:.0f} min on two '
        f'CPU cores with a ViT-B; scored on {len(pictures.held_out)} held-out pictures of {dataset}'
        + ''.join(f', {len(indices)} of {name}' for name, (_, indices) in pictures.others.items())
    )
    if args.dry_run:
        for one in trainings.runs:
            print(f'{one.name}{"" if one in left else ": done"}')
        return
    args.work_dir.mkdir(parents=True, exist_ok=True)
    trainings.carry_all_out(gpus)
    found = trainings.probe()
    found.save(args.work_dir / 'probe.json')
    for file, text in (('probe.md', found.markdown()), ('probe.html', make_probe_page(found))):
        write_whole(args.work_dir / file, lambda path, text=text: path.write_text(text, encoding='utf-8'))
    head, lines = found.table()
    table = PrettyTable(head, align='l')
    table.add_rows(lines)
    print(table.get_string())
    print('\n'.join(found.sentences()))
    print(f'{args.work_dir / "probe.json"}, probe.md, probe.html')
