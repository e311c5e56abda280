"""Map a function over a frame's targets in threads: OpenCV releases Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_MOST_THREADS = 4
# The other cores are for decoding, drawing and publishing at the same time.
_CORES_PER_THREAD = 2


def map_in_threads(
    function: Callable[[_Item], _Result], items: Sequence[_Item], threads: int | None = None
) -> list[_Result]:
    """Return ``function`` of every item, in order; the calling thread does a part of the work.

    By default there are up to four threads, one for two cores: on two cores a second thread made
    crops slower. An exception is raised once all the other calls are done.
    """
    threads = min(threads or _thread_count(), len(items))
    if threads < 2:
        return _map(function, items)
    shares = [items[first::threads] for first in range(threads)]
    others = [_pool().submit(_map, function, share) for share in shares[1:]]
    try:
        parts = [_map(function, shares[0])]
    finally:
        # The caller must not go on while a thread still reads the image.
        wait(others)
    parts += [other.result() for other in others]
    return [parts[number % threads][number // threads] for number in range(len(items))]


def _map(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    return [function(item) for item in items]


@cache
def _thread_count() -> int:
    return min(_MOST_THREADS, len(os.sched_getaffinity(0)) // _CORES_PER_THREAD)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="siammask target")
