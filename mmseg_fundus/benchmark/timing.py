import statistics
import time

import torch


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def interleaved(variants: dict, rounds: int, units: int = 1) -> dict:
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
    taken = {name: [] for name in variants}
    for _ in range(rounds):
        for name, call in variants.items():
            _finish()
            start = time.perf_counter()
            call()
            _finish()
            taken[name].append((time.perf_counter() - start) * 1e3 / units)
    return {name: statistics.median(values) for name, values in taken.items()}
