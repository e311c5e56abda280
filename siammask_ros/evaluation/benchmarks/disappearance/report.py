"""The report of the disappearance benchmark: a table, JSON and a plot of the delays."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.evaluation.benchmarks.disappearance.measuring import (
    LOST_WITHIN_FRAMES,
    Disappearance,
)
from siammask_ros.evaluation.benchmarks.disappearance.sequences import (
    AWAY_FRAMES,
    BACK_FRAMES,
    WAYS,
)
from siammask_ros.media.plots import Curves, plot_curves
from siammask_ros.media.recording import plain

ALL = "all"


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the disappearances whose target was tracked until then, the fraction with each outcome.

    ``lost``: LOST was reported in time. ``right``: the target was tracked again in time. ``wrong``:
    something else was tracked. ``back_after``: the median number of frames until it was right.
    """

    name: str
    count: int
    not_tracked: int
    lost: float
    right: float
    wrong: float
    back_after: float


def rates(found: Sequence[Disappearance]) -> list[Rates]:
    """Return the rates of each way, then of all; ways without a counted sequence are left out."""
    rows = [(way, [each for each in found if each.way == way]) for way in WAYS]
    return [
        _rates(name, some) for name, some in [*rows, (ALL, list(found))] if _select_tracked(some)
    ]


def table(found: Sequence[Disappearance]) -> str:
    """Return the rates as text, one line for each way."""
    heads = ("tracked", "LOST", "right", "wrong", "frames until right")
    lines = [f"{'':14}  {heads[0]:>8}  {heads[1]:>6}  {heads[2]:>6}  {heads[3]:>6}  {heads[4]:>18}"]
    lines += [
        f"{row.name:14}  {row.count:8}  {row.lost:6.1%}  {row.right:6.1%}  {row.wrong:6.1%}  "
        f"{row.back_after:18.0f}"
        for row in rates(found)
    ]
    left_out = sum(not each.was_tracked for each in found)
    lines.append(
        f"LOST: reported within {LOST_WITHIN_FRAMES} frames. right: tracked again within "
        f"{BACK_FRAMES} frames. wrong: something else was tracked. {left_out} are not counted: the "
        "target was not tracked before"
    )
    return "\n".join(lines)


def write_report(
    folder: Path, found: Sequence[Disappearance], made_with: Mapping[str, Any]
) -> list[Path]:
    """Write disappearance.json and disappearance.png to ``folder``; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    summary, plot = folder / "disappearance.json", folder / "disappearance.png"
    content = {
        "made_with": made_with,
        "rates": [asdict(row) for row in rates(found)],
        "disappearances": [_row(each) for each in found],
    }
    summary.write_text(json.dumps(plain(content), indent=1), encoding="utf-8")
    panels = [
        _panel(
            found,
            "LOST reported",
            AWAY_FRAMES,
            "frames since it disappeared",
            lambda one: one.lost_after,
        ),
        _panel(
            found,
            "Tracked again",
            BACK_FRAMES,
            "frames since it came back",
            lambda one: one.back_after,
        ),
    ]
    plot_curves(plot, panels)
    return [summary, plot]


def _row(one: Disappearance) -> dict[str, Any]:
    parts = {"before": one.before, "away": one.away, "back": one.back}
    return {
        "video": one.video,
        "way": one.way,
        "start": one.start,
        "tracked": one.was_tracked,
        "lost_after": one.lost_after,
        "back_after": one.back_after,
        "wrong": one.is_wrong,
        "states": {name: [report.status.name for report in part] for name, part in parts.items()},
        "iou": {name: [round(report.iou, 3) for report in part] for name, part in parts.items()},
    }


def _select_tracked(found: Sequence[Disappearance]) -> list[Disappearance]:
    return [each for each in found if each.was_tracked]


def _rates(name: str, found: Sequence[Disappearance]) -> Rates:
    counted = _select_tracked(found)
    back = [each.back_after for each in counted if each.back_after is not None]
    return Rates(
        name=name,
        count=len(counted),
        not_tracked=len(found) - len(counted),
        lost=float(np.mean([each.is_lost_in_time for each in counted])),
        right=float(np.mean([each.back_after is not None for each in counted])),
        wrong=float(np.mean([each.is_wrong for each in counted])),
        back_after=statistics.median(back) if back else float("nan"),
    )


def _panel(
    found: Sequence[Disappearance],
    title: str,
    frames: int,
    x_name: str,
    after: Callable[[Disappearance], int | None],
) -> Curves:
    """Return, for each way, the fraction that was reported after so many frames."""
    numbers = np.arange(frames + 1)

    def shares(some: Sequence[Disappearance]) -> NDArray[np.float64]:
        ends = np.array([after(each) or np.inf for each in some])
        return np.asarray((ends[:, None] <= numbers).mean(axis=0), np.float64)

    by_way = {way: [each for each in _select_tracked(found) if each.way == way] for way in WAYS}
    return Curves(
        title, x_name, numbers, {way: shares(some) for way, some in by_way.items() if some}
    )
