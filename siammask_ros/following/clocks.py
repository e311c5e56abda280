"""Detection of stamps that come from another clock."""

from __future__ import annotations

# No image takes this long, and synchronised clocks do not differ by this much.
MAX_AGE_S = 60.0
MAX_AHEAD_S = 1.0

_UNITS = (("years", 365.25 * 86400), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0))


def clock_misfit(age_s: float) -> str:
    """Return why a stamp of this age cannot come from the node's clock, or "".

    ``age_s`` is the node's time minus the stamp.
    """
    if -MAX_AHEAD_S <= age_s <= MAX_AGE_S:
        return ""
    difference = format_duration(abs(age_s))
    return f"image stamps and the node's clock differ by {difference}; check use_sim_time"


def format_duration(seconds: float) -> str:
    """Return a time in the largest unit in which it is at least 1."""
    for name, unit_s in _UNITS:
        if seconds >= unit_s:
            return f"{seconds / unit_s:.1f} {name}"
    return f"{seconds:.1f} s"
