"""Which weights file and which folder of pictures are read where the command line names none.

A checkpoint remembers both.  What it says is data of somebody's file: a weights file is taken if its SHA-256 is the remembered one, and
is read as every other; a folder, if the config's own is missing and it held the same data set.
"""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from mmengine.config import Config

from ..errors import WeightsError, plain
from ..fileio.checksum import file_sha256
from ..models.checkpoints import load_from_anywhere
from ..models.encoders.weights import FROM_CHECKPOINT, RANDOM
from .data_roots import roots, tell
from .encoder_config import encoder_config, forbid_unsafe, set_weights_file, weights_file

ENVIRONMENT = 'FUNDUS_WEIGHTS'  # names the encoder's weights file


def settle_files(
    cfg: Config,
    checkpoint: str | Path | None = None,
    weights: str | None = None,
    data_root: str | Path | None = None,
    options: Iterable[str] | None = None,
    splits: Sequence[str] = (),
) -> None:
    """Set the encoder's weights file, and the folders of data sets that are missing, in a config.

    Weights: ``--weights`` (which :func:`.config.load_config` has set), ``$FUNDUS_WEIGHTS``, the config's file, the file that the
    checkpoint was trained with; the first that exists and, where the checkpoint says which it was, is that file.  ``'random'`` and
    ``'from_checkpoint'`` stay.  If there is none, a checkpoint that holds the encoder brings it.

    Pictures: ``--data-root``, the config's folder, and if that is missing the checkpoint's for the same data set.

    What is not the config's own is logged.

    Args:
        cfg (Config): Of :func:`.config.load_config`; changed in place.
        checkpoint (str | Path, optional): That is tested, exported or continued.
        weights (str, optional): ``--weights``.
        data_root (str, optional): ``--data-root``.
        options (Iterable[str], optional): Dotted keys of ``--cfg-options``; what they set stays.
        splits (Sequence[str]): Whose pictures are read.

    Raises:
        WeightsError: If ``$FUNDUS_WEIGHTS`` names no file, or the remembered file is another one by now.
        CheckpointError: If the checkpoint is read and cannot be.
    """
    options = tuple(options or ())
    known = _Remembered(checkpoint)
    encoder = encoder_config(cfg)
    if encoder is not None and weights is None and not any(option.split('.')[-1] == 'weights' for option in options):
        _settle_weights(encoder, known)
    if data_root is None and not any(option.endswith(('data_root', '.root')) for option in options):
        _settle_folders(cfg, known, splits)


class _Remembered:
    """What a checkpoint says about the files it was made with; read when it is asked."""

    def __init__(self, path: str | Path | None) -> None:
        self.path = path
        self._found: dict[str, Any] | None = None

    @property
    def found(self) -> dict[str, Any]:
        if self._found is None:
            self._found = load_from_anywhere(str(self.path)) if self.path else {}
        return self._found

    def _part(self, name: str) -> dict[str, Any]:
        meta = self.found.get('meta')
        part = meta.get(name) if isinstance(meta, dict) else None
        return part if isinstance(part, dict) else {}

    def weights(self) -> tuple[str, str] | tuple[None, None]:
        """Path and SHA-256 of the encoder's weights file; ``(None, None)`` where nothing usable is said."""
        file, digest = (self._part('encoder').get(name) for name in ('file', 'sha256'))
        return (file, digest) if _is_path(file) and isinstance(digest, str) and len(digest) == 64 else (None, None)

    def brings_encoder(self) -> bool:
        """Whether the encoder's tensors are in it."""
        state = self.found.get('state_dict')
        return isinstance(state, dict) and any(str(name).startswith('backbone.') for name in state)

    def folders(self) -> dict[str, list[str]]:
        """Class name of each data set that was trained on to the folders that exist of it."""
        data = self._part('training').get('data')
        data = data if isinstance(data, dict) else {}
        inner = data.get('parts')
        found: dict[str, dict[str, str]] = {}
        for one in (part for part in (data, *(inner if isinstance(inner, list) else [])) if isinstance(part, dict)):
            root = one.get('root')
            if isinstance(one.get('class'), str) and _is_path(root) and Path(root).is_dir():
                found.setdefault(one['class'], {})[str(Path(root).resolve())] = root
        return {name: list(roots.values()) for name, roots in found.items()}


def _is_path(text: Any) -> TypeGuard[str]:
    """Whether a text out of a checkpoint is an absolute path that nothing in it expands."""
    return isinstance(text, str) and len(text) < 4096 and text.isprintable() and text.startswith('/') and '$' not in text


def _existing(name: str | None) -> Path | None:
    if not name:
        return None
    path = Path(os.path.expandvars(str(name))).expanduser().absolute()
    return path if path.is_file() else None


def _settle_weights(encoder: dict[str, Any], known: _Remembered) -> None:
    named, asked = weights_file(encoder), os.environ.get(ENVIRONMENT)
    if named in (RANDOM, FROM_CHECKPOINT):
        return
    if asked and not _existing(asked):
        raise WeightsError(f'{ENVIRONMENT}={asked}: no such file; correct or unset it, or name the file with --weights FILE')
    given = [str(path) for path in map(_existing, (asked, named)) if path]
    remembered, digest = known.weights()
    candidates = list(dict.fromkeys([*given, *([remembered] if remembered and Path(remembered).is_file() else [])]))
    if not candidates:
        _take_from_checkpoint(encoder, known, remembered)
        return
    chosen = candidates[0]
    if digest and (len(candidates) > 1 or not given):
        fitting = next((path for path in candidates if file_sha256(path) == digest), None)
        if fitting is None and not given:
            raise WeightsError(
                f'weights file not found: {named} (config), and {remembered}, with which {known.path} was trained, is another file by now '
                f'(its SHA-256 is not {digest[:16]}...); name the right one with --weights FILE'
            )
        chosen = fitting or chosen
    own = str(_existing(named)) if named else None
    if chosen != own:
        set_weights_file(encoder, chosen)
        why = f'${ENVIRONMENT}' if asked and chosen == str(_existing(asked)) else f'with which {known.path} was trained'
        tell(f'encoder weights: {chosen} ({why}; {named} of the config {"is not used" if own in given else "is missing"})')
    elif asked and chosen != str(_existing(asked)):
        tell(f'encoder weights: {chosen} (the config, and with which {known.path} was trained; ${ENVIRONMENT} is not used)')
    if chosen not in given:
        forbid_unsafe(encoder)  # that was allowed for another file


def _take_from_checkpoint(encoder: dict[str, Any], known: _Remembered, remembered: str | None) -> None:
    """There is no weights file: take the encoder out of the checkpoint, if it is in there, or say which file it was."""
    if known.path and known.brings_encoder():
        encoder_file = weights_file(encoder)
        set_weights_file(encoder, FROM_CHECKPOINT)
        tell(f'encoder weights: out of {known.path}, which holds the encoder too; {encoder_file} of the config is missing')
    elif remembered:
        raise WeightsError(
            f'weights file not found: neither {weights_file(encoder)} (config) nor {plain(remembered, 400)}, with which {known.path} was '
            f'trained, exists; name it with --weights FILE, or {ENVIRONMENT}=FILE in the environment'
        )


def _settle_folders(cfg: Config, known: _Remembered, splits: Sequence[str]) -> None:
    used = [(one.name, one.path, one.public) for one in roots(cfg, splits) if isinstance(one.path, str)]
    if not used or not known.path:
        return
    trained = [(one.name, one.path) for one in roots(cfg, ['train'])]
    for name, old, public in dict.fromkeys(used):
        if not (public or (name, old) in trained):
            continue  # the same class may be other pictures
        folders = known.folders().get(name, [])
        if Path(old).expanduser().is_dir():
            if (name, old) in trained and cfg.get('resume') and folders and Path(folders[0]).resolve() != Path(old).expanduser().resolve():
                tell(
                    f'{known.path} was trained on the pictures in {folders[0]} and goes on with those in {old} (config); '
                    f'--data-root {folders[0]} goes on with the former',
                    logging.WARNING,
                )
        elif len(folders) == 1:
            for one in roots(cfg):
                if (one.name, one.path) == (name, old):
                    one.set(folders[0])
            tell(f'pictures: {folders[0]} (on which {known.path} was trained; {old} of the config is missing)')
