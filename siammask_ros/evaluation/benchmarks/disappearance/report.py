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
from siammask_ros.media.plots import Curves, curves_picture
from siammask_ros.media.recording import plain

ALL = "all"


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the disappearances whose target was followed until it went, the shares of each end.

    ``lost`` said LOST in time, ``right`` tracked the target again in time, ``wrong`` said of
    something else that it is the target. ``back_after`` is the median of frames until it was right.
    """

    name: str
    count: int
    not_followed: int
    lost: float
    right: float
    wrong: float
    back_after: float


def rates(found: Sequence[Disappearance]) -> list[Rates]:
    """Return the rates of each way, then of all; ways without a counted sequence are left out."""
    rows = [(way, [each for each in found if each.way == way]) for way in WAYS]
    return [
        _rates(name, some) for name, some in [*rows, (ALL, list(found))] if _select_followed(some)
    ]


def table(found: Sequence[Disappearance]) -> str:
    """The rates, a line for each way."""
    heads = ("followed", "LOST", "right", "wrong", "frames until right")
    lines = [f"{'':14}  {heads[0]:>8}  {heads[1]:>6}  {heads[2]:>6}  {heads[3]:>6}  {heads[4]:>18}"]
    lines += [
        f"{row.name:14}  {row.count:8}  {row.lost:6.1%}  {row.right:6.1%}  {row.wrong:6.1%}  "
        f"{row.back_after:18.0f}"
        for row in rates(found)
    ]
    left_out = sum(not each.is_followed for each in found)
    lines.append(
        f"LOST: said within {LOST_WITHIN_FRAMES} frames; right: tracked again within "
        f"{BACK_FRAMES}; wrong: something else called the target; {left_out} left out, not "
        "followed before"
    )
    return "\n".join(lines)


def write_report(
    folder: Path, found: Sequence[Disappearance], made_with: Mapping[str, Any]
) -> list[Path]:
    """Writes disappearance.json and disappearance.png to ``folder``; returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    summary, picture = folder / "disappearance.json", folder / "disappearance.png"
    content = {
        "made_with": made_with,
        "rates": [asdict(row) for row in rates(found)],
        "disappearances": [_row(each) for each in found],
    }
    summary.write_text(json.dumps(plain(content), indent=1), encoding="utf-8")
    panels = [
        _panel(found, "LOST said", AWAY_FRAMES, "frames since it went", lambda one: one.lost_after),
        _panel(
            found,
            "Tracked again",
            BACK_FRAMES,
            "frames since it came back",
            lambda one: one.back_after,
        ),
    ]
    curves_picture(picture, panels)
    return [summary, picture]


def _row(one: Disappearance) -> dict[str, Any]:
    parts = {"before": one.before, "away": one.away, "back": one.back}
    return {
        "video": one.video,
        "way": one.way,
        "start": one.start,
        "followed": one.is_followed,
        "lost_after": one.lost_after,
        "back_after": one.back_after,
        "wrong": one.is_wrong,
        "states": {name: [claim.status.name for claim in part] for name, part in parts.items()},
        "iou": {name: [round(claim.iou, 3) for claim in part] for name, part in parts.items()},
    }


def _select_followed(found: Sequence[Disappearance]) -> list[Disappearance]:
    return [each for each in found if each.is_followed]


def _rates(name: str, found: Sequence[Disappearance]) -> Rates:
    judged = _select_followed(found)
    back = [each.back_after for each in judged if each.back_after is not None]
    return Rates(
        name=name,
        count=len(judged),
        not_followed=len(found) - len(judged),
        lost=float(np.mean([each.is_lost_in_time for each in judged])),
        right=float(np.mean([each.back_after is not None for each in judged])),
        wrong=float(np.mean([each.is_wrong for each in judged])),
        back_after=statistics.median(back) if back else float("nan"),
    )


def _panel(
    found: Sequence[Disappearance],
    title: str,
    frames: int,
    x_name: str,
    after: Callable[[Disappearance], int | None],
) -> Curves:
    """The share of which it has been said after so many frames, for each way."""
    numbers = np.arange(frames + 1)

    def shares(some: Sequence[Disappearance]) -> NDArray[np.float64]:
        ends = np.array([after(each) or np.inf for each in some])
        return np.asarray((ends[:, None] <= numbers).mean(axis=0), np.float64)

    by_way = {way: [each for each in _select_followed(found) if each.way == way] for way in WAYS}
    return Curves(
        title, x_name, numbers, {way: shares(some) for way, some in by_way.items() if some}
    )
