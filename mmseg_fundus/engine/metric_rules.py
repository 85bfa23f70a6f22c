"""Which figures of :class:`~mmseg_fundus.evaluation.VesselMetric` are better when greater, and which when less."""

from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.runner import Runner

from ..errors import ConfigError
from ..evaluation.scores import NAMES

LOSSES = ('loss', 'loss_ce', 'loss_dice', 'loss_cldice')


def better(name: str) -> str | None:
    """``'greater'`` or ``'less'``, for a figure's name with or without the metric's prefix; ``None`` for others' figures."""
    last = name.rsplit('/', 1)[-1]
    if last in NAMES:
        return 'greater'
    return 'less' if last == 'loss' or last.startswith('loss_') else None


def register_rules() -> None:
    """Tell mmengine's hooks, which derive the rule of a figure from its name, those of ours: in the lists they have for that."""
    for hook in (CheckpointHook, EarlyStoppingHook):
        for names, ours in (('_default_greater_keys', NAMES), ('_default_less_keys', LOSSES)):
            known = getattr(hook, names)
            setattr(hook, names, [*known, *(name for name in ours if name not in known)])


def check_rules(runner: Runner) -> None:
    """Raise :class:`ConfigError` if something that watches one of our figures takes the worse for the better.

    mmengine finds ``dice`` in ``vessel/loss_dice``; its ``ReduceOnPlateau`` schedules take less for better, whatever they watch.
    """
    schedules = runner.param_schedulers
    schedules = [one for some in schedules.values() for one in some] if isinstance(schedules, dict) else list(schedules or [])
    for watcher in (*runner.hooks, *schedules):
        names, rules = getattr(watcher, 'key_indicators', None), getattr(watcher, 'rules', None)
        if not names:
            names = [getattr(watcher, 'monitor', None) or getattr(watcher, 'save_best', None)]
            rules = [getattr(watcher, 'rule', None)]
        for name, rule in zip(names, rules or []):
            right = better(name) if isinstance(name, str) else None
            if right and rule in ('greater', 'less') and rule != right:
                raise ConfigError(
                    f'{type(watcher).__name__} watches {name} with rule={rule!r}, but a {"greater" if right == "greater" else "smaller"} '
                    f'value is better; set rule={right!r} in its config'
                )


def rule_of(name: str) -> str:
    """The rule of a figure, as mmengine's hooks derive it.

    Raises:
        ConfigError: If it is not known.
    """
    try:
        rule = better(name) or CheckpointHook(save_best=name).rules[0]
    except ValueError:
        rule = None
    if rule is None:
        raise ConfigError(f"save_best={name!r}: whether greater or less is better is not known; add rule='greater' or rule='less'")
    return rule
