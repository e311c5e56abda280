"""One retry of a tracking step in two halves after the engine ran out of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from siammask_ros.errors import EngineMemoryError
from siammask_ros.geometry.crops import Image
from siammask_ros.tracker.stage_clock import StageClock
from siammask_ros.tracker.targets import TargetResult, TargetState
from siammask_ros.tracker.tracker import Tracker


def step_with_retry(
    tracker: Tracker,
    image: Image,
    states: Sequence[TargetState],
    clock: StageClock,
    on_shortage: Callable[[str], None],
) -> tuple[list[TargetResult], list[TargetState]]:
    """Call ``tracker.step``; if the engine runs out of memory, call it again for each half.

    ``on_shortage`` gets the error text before the retry. Raises EngineMemoryError if a half does
    not fit either.
    """
    try:
        return tracker.step(image, states, clock)
    except EngineMemoryError as error:
        reason = str(error)
    # Outside the except block: the exception's traceback keeps tensors alive.
    on_shortage(reason)
    tracker.engine.free_memory()
    half = (len(states) + 1) // 2
    results: list[TargetResult] = []
    after: list[TargetState] = []
    for part in (states[:half], states[half:]):
        part_results, part_states = tracker.step(image, part, clock)
        results += part_results
        after += part_states
    return results, after
