"""A step that goes on in two halves where memory does not suffice for all targets at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from siammask_ros.errors import EngineMemoryError
from siammask_ros.geometry.crops import Image
from siammask_ros.tracker.targets import TargetResult, TargetState
from siammask_ros.tracker.tracker import StageClock, Tracker


def step_within_memory(
    tracker: Tracker,
    image: Image,
    states: Sequence[TargetState],
    clock: StageClock,
    on_shortage: Callable[[str], None],
) -> tuple[list[TargetResult], list[TargetState]]:
    """``tracker.step``, tried once more in two halves where the engine runs out of memory.

    Raises EngineMemoryError where a half is too much as well.
    """
    try:
        return tracker.step(image, states, clock)
    except EngineMemoryError as error:
        reason = str(error)
    # Only here, the exception being gone, are the tensors free that it kept alive.
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
