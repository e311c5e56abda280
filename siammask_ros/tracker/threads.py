"""A frame's targets shared out among a few threads: OpenCV computes without Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_MOST_THREADS = 4
# The other cores belong to whoever publishes, decodes and draws meanwhile.
_CORES_PER_THREAD = 2


def threaded_map(
    function: Callable[[_Item], _Result], items: Sequence[_Item], threads: int | None = None
) -> list[_Result]:
    """``function`` of every item, in order; the calling thread does its share.

    By default there are up to four threads, one for two cores: on two cores a second thread made
    crops slower. What one call raises is raised once all the others are done.
    """
    threads = min(threads or _thread_count(), len(items))
    if threads < 2:
        return _each(function, items)
    shares = [items[first::threads] for first in range(threads)]
    others = [_pool().submit(_each, function, share) for share in shares[1:]]
    try:
        parts = [_each(function, shares[0])]
    finally:
        # Nobody goes on while a thread still reads the image.
        wait(others)
    parts += [other.result() for other in others]
    return [parts[number % threads][number // threads] for number in range(len(items))]


def _each(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    return [function(item) for item in items]


@cache
def _thread_count() -> int:
    return min(_MOST_THREADS, len(os.sched_getaffinity(0)) // _CORES_PER_THREAD)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="siammask target")
