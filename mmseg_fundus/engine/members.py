"""The members of an ensemble, as their checkpoints have them: whether they go together, and what is known of all of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError, plain
from ..fileio.checksum import file_sha256, tensors_sha256
from ..models.checkpoints import FINGERPRINT, read_trained
from ..models.encoders.adapt import PARTS
from ..models.segmentors.members import OTHERS, members_of
from ..results.provenance import merged
from .data_roots import tell

OWN = ('neck.', 'decode_head.')  # what each member has of its own; the rest is shared
LEFT_OUT = ('auxiliary_head.',)  # helps a training alone
# of a checkpoint's meta: what differs from run to run as a matter of course, or is put together below
ROUTINE = {
    *('time', 'experiment_name', 'seed', 'epoch', 'iter', 'cfg', 'config', 'hook_msgs', 'mmengine_version', 'exported_from'),
    *('training', 'encoder', 'threshold', 'calibration', 'members'),
}


@dataclass
class Member:
    """One network of an ensemble.

    Attributes:
        where: The file, for messages.
        facts: ``name`` and ``sha256`` of the file that it was trained into; ``seed`` and ``calibration``, if known.
        meta: Of its checkpoint.
        own: Tensors of neck and decode head.
        shared: The others: encoder or fingerprint, normalisation.
    """

    where: str
    facts: dict[str, Any]
    meta: dict[str, Any]
    own: dict[str, Tensor]
    shared: dict[str, Tensor]


def members_in(path: str | Path) -> list[Member]:
    """The network in a checkpoint, or those of an ensemble; raises :class:`CheckpointError` if it cannot be read."""
    found = read_trained(path)
    state, meta = found['state_dict'], found.get('meta') or {}
    state = {name: tensor for name, tensor in state.items() if not name.startswith(LEFT_OUT)}
    shared = {name: tensor for name, tensor in state.items() if not name.startswith((*OWN, f'{OTHERS}.'))}
    count, facts = members_of(state), meta.get('members')
    if count == 1:
        training = meta.get('training') or {}
        known = {'seed': training.get('seed'), 'calibration': meta.get('calibration')}
        own = {name: tensor for name, tensor in state.items() if name.startswith(OWN)}
        about = {'name': Path(path).name, 'sha256': file_sha256(path), **{key: value for key, value in known.items() if value is not None}}
        return [Member(str(path), about, meta, own, shared)]
    result = []
    for number in range(count):
        begin = f'{OTHERS}.{number - 1}.' if number else ''
        own = {name.removeprefix(begin): tensor for name, tensor in state.items() if name.startswith(tuple(begin + part for part in OWN))}
        told = facts[number] if isinstance(facts, list) and len(facts) == count and isinstance(facts[number], dict) else {}
        calibrated = (meta.get('calibration') or {}).get('members')
        fitted = calibrated[number] if isinstance(calibrated, list) and len(calibrated) == count else None
        about = {'name': f'{Path(path).name} ({number + 1})', 'sha256': None, **told, **({'calibration': fitted} if fitted else {})}
        result.append(Member(f'{path} (member {number + 1})', about, meta, own, shared))
    return result


def check_alike(members: list[Member]) -> None:
    """Raise :class:`CheckpointError`, naming two files, unless members have one encoder and one architecture, and are different."""
    first = members[0]
    for member in members:
        adapted = next((name for name in member.shared if set(PARTS) & set(name.split('.'))), None)
        if adapted:
            raise CheckpointError(
                f'{member.where} cannot be a member of an ensemble: it has an adapter (LoRA) in the encoder ({adapted}), so that its '
                'encoder is its own, and members share one'
            )
    for member in members[1:]:
        _check_shared(first, member)
        differ = _difference(first.own, member.own)
        if differ:
            raise CheckpointError(f'{_two(first, member)} are of different networks: {differ}. Give checkpoints of one config')
    known: dict[bytes, Member] = {}
    for member in members:
        before = known.setdefault(tensors_sha256(member.own), member)
        if before is not member:
            raise CheckpointError(f'{_two(before, member)} hold the same network, which would count twice; give each once')


def _check_shared(first: Member, member: Member) -> None:
    named = [one for one in (first, member) if FINGERPRINT in one.shared]
    if len(named) == 1:
        other = member if named[0] is first else first
        raise CheckpointError(
            f'{named[0].where} leaves its frozen encoder out, {other.where} holds it, so that it is not known whether they are the same; '
            'make full ones of both with tools/export_checkpoint.py'
        )
    differ = _difference(first.shared, member.shared, values=True)
    if not differ:
        return
    two = _two(first, member)
    name = differ.split(' ')[0]
    if name == FINGERPRINT:
        prints = (bytes(one.shared[FINGERPRINT].tolist()).hex()[:16] for one in (first, member))
        raise CheckpointError(f'{two} were trained with different encoders (fingerprints {" and ".join(prints)}); members share one')
    if name.startswith('data_preprocessor.'):
        raise CheckpointError(f'{two} were trained with pictures normalised differently ({differ}); members share one encoder')
    raise CheckpointError(
        f'{two} have different encoders ({differ}): it was trained along, or is another one. Members share one frozen encoder'
    )


def _two(first: Member, second: Member) -> str:
    return f'{first.where} and {second.where}'


def _difference(first: dict[str, Tensor], second: dict[str, Tensor], values: bool = False) -> str:
    """The first tensor that two dicts have not alike, and how they differ; '' if there is none."""
    for name in sorted({*first, *second}):
        a, b = first.get(name), second.get(name)
        if a is None or b is None:
            if not name.endswith('num_batches_tracked'):
                return f'{plain(name)} is in the {"second" if a is None else "first"} alone'
        elif a.shape != b.shape or a.dtype != b.dtype:
            return f'{plain(name)} is {a.dtype} {tuple(a.shape)} and {b.dtype} {tuple(b.shape)}'
        elif values and not torch.equal(a, b):
            return f'{plain(name)} has other values'
    return ''


def merged_meta(members: list[Member]) -> dict[str, Any]:
    """``meta`` of an ensemble: what all checkpoints say alike, how all were trained, and which they are.

    ``training`` has the pictures of all: what one of them was trained on counts as seen.  ``threshold`` is kept where all have the same
    value; what else is dropped because it differs is said in a line.  ``members`` is a list of ``name``, with its folder where several
    are alike, and ``sha256``.
    """
    members = _told_apart(members)
    metas = list({id(member.meta): member.meta for member in members}.values())  # of an ensemble's file once
    alike = {name: value for name, value in metas[0].items() if all(repr(value) == repr(meta.get(name)) for meta in metas)}
    result = {name: value for name, value in alike.items() if name not in ROUTINE or name in ('epoch', 'iter', 'mmengine_version')}
    names = ', '.join(str(member.facts['name']) for member in members)
    dropped = sorted({str(name) for meta in metas for name in meta} - {str(name) for name in result} - ROUTINE)
    if dropped:
        tell(f'ensemble of {names}: left out of meta, as its members differ there: {plain(", ".join(dropped))}')
    threshold = _threshold(metas, names)
    encoder = next((meta['encoder'] for meta in metas if isinstance(meta.get('encoder'), dict)), None)
    calibrated = [member.facts.get('calibration') for member in members]
    result.update({'encoder': encoder} if encoder else {})
    result.update({'threshold': threshold} if threshold else {})
    result.update({'calibration': {'members': calibrated}} if any(calibrated) else {})
    facts = [{key: value for key, value in member.facts.items() if key != 'calibration'} for member in members]
    return {**result, 'training': _training(metas, members), 'members': facts}


def _told_apart(members: list[Member]) -> list[Member]:
    """Members whose files have one name, as ``epoch_60.pth`` of every training, are named with their folders."""
    names = [member.facts['name'] for member in members]

    def named(member: Member) -> Member:
        file, name = Path(member.where), member.facts['name']
        alike = names.count(name) > 1 and file.name == name
        return replace(member, facts={**member.facts, 'name': f'{file.absolute().parent.name}/{name}'}) if alike else member

    return [named(member) for member in members]


def _threshold(metas: list[dict[str, Any]], names: str) -> dict[str, Any] | None:
    """What all say of their threshold, if it is one; a line where it is not."""
    stored = [meta.get('threshold') or {} for meta in metas]
    values = [one.get('threshold') for one in stored]
    if not any(stored):
        return None
    if len(set(values)) > 1:
        tell(
            f"ensemble of {names}: their stored thresholds ({_words(values, 'none')}) differ and are not used; the config's is, or "
            'choose one for the ensemble (tools/test.py --choose-threshold)'
        )
        return None
    return {key: value for key, value in stored[0].items() if all(one.get(key) == value for one in stored)}


def _training(metas: list[dict[str, Any]], members: list[Member]) -> dict[str, Any]:
    """``meta['training']`` of all."""
    known = [meta['training'] if isinstance(meta.get('training'), dict) else {} for meta in metas]
    result = {key: value for key, value in known[0].items() if all(one.get(key) == value for one in known)}
    for key, source in (('epochs', 'epoch'), ('steps', 'iter')):
        counts = [one.get(key, meta.get(source)) for one, meta in zip(known, metas)]
        result.update({key: counts[0] if len(set(map(str, counts))) == 1 else _words(counts)})
    result['seed'] = _words(member.facts.get('seed') for member in members) or None
    result['device'] = _words(one.get('device') for one in known) or None
    for key in ('seconds', 'trained_parameters'):
        numbers = [one.get(key) for one in known]
        result[key] = sum(numbers) if all(type(one) in (int, float) for one in numbers) else None
    data = [one.get('data') for one in known]
    if any(one != data[0] for one in data):
        result['data'] = _joined_data([one for one in data if isinstance(one, dict)])
    for key in ('files', 'validation_files'):  # one that does not say which leaves open which all are
        files = [one.get(key) for one in known]
        result[key] = merged(*files) if all(isinstance(one, dict) for one in files) else None
    result['earlier_files'] = merged(*(one.get('earlier_files') for one in known))
    result['members'] = [str(member.facts['name']) for member in members]
    return result


def _joined_data(data: list[dict[str, Any]]) -> dict[str, Any]:
    """What several trainings were made on, as :func:`~mmseg_fundus.results.described` has it of joined data sets."""
    parts = [part for one in data for part in (one['parts'] if isinstance(one.get('parts'), list) else [one]) if isinstance(part, dict)]
    distinct = list({repr(part): part for part in parts}.values())
    classes = {str(one.get('class')) for one in data}
    common = {key: _words(one.get(key) for one in data) for key in ('split', 'field_of_view', 'pictures')}
    return {'class': classes.pop() if len(classes) == 1 else 'ConcatDataset', **common, 'parts': distinct}


def _words(values: Iterable[Any], none: str = '') -> str:
    """Different values in order, with commas."""
    return ', '.join(dict.fromkeys(none if value is None else str(value) for value in values if none or value is not None))
