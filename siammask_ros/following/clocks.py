"""Whether a stamp and a clock can belong to each other."""

from __future__ import annotations

# No camera is so slow, and no two clocks that are meant to agree differ by so much.
OLDEST_S = 60.0
MOST_AHEAD_S = 1.0

_UNITS = (("years", 365.25 * 86400), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0))


def clock_misfit(age_s: float) -> str:
    """Why a stamp of this age is of another clock than the node's, or nothing.

    ``age_s`` is how much the node's clock is ahead of the stamp.
    """
    if -MOST_AHEAD_S <= age_s <= OLDEST_S:
        return ""
    difference = duration(abs(age_s))
    return f"image stamps and the node's clock differ by {difference}; use_sim_time?"


def duration(seconds: float) -> str:
    """A time in the largest unit of which it holds one."""
    for name, unit_s in _UNITS:
        if seconds >= unit_s:
            return f"{seconds / unit_s:.1f} {name}"
    return f"{seconds:.1f} s"
