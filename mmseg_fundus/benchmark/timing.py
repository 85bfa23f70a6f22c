import statistics
import time
from collections.abc import Callable, Mapping

import torch


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def interleaved(variants: Mapping[str, Callable[[], object]], rounds: int, units: int = 1) -> dict[str, float]:
    """Time callables in turn, so that what else the machine does hits them alike.

    Args:
        variants (dict[str, callable]): Each is called once before the clock runs.
        rounds (int): Timed calls of each.
        units (int): What one call processes, e.g. pictures.

    Returns:
        dict[str, float]: Median milliseconds for a unit.
    """
    for call in variants.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, call in variants.items():
            _finish()
            start = time.perf_counter()
            call()
            _finish()
            taken[name].append((time.perf_counter() - start) * 1e3 / units)
    return {name: statistics.median(values) for name, values in taken.items()}
