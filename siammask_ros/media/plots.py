"""Plots of numbers: latency by stage, a measure over time, a training's course, curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours in an order in which neighbours differ in brightness too.
COLOURS = (
    "#0072B2", "#E69F00", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#F0E442", "#999999",
)  # fmt: skip
_DPI = 110
_COLUMNS = 3


def plot_latency(
    path: Path, stages_ms: Mapping[str, Sequence[float]], age_ms: Sequence[float]
) -> None:
    """Where the time of every frame went: stages stacked over the frames, and the answer's age.

    ``stages_ms`` has a series for each stage, in order, as long as ``age_ms``. Below, how the
    ages are spread, with p50, p95 and p99. Raises ValueError for no frame.
    """
    ages = np.asarray(age_ms, np.float64)
    if not len(ages):
        raise ValueError("a latency plot needs at least one frame")
    figure = new_figure(10, 6.4)
    over_time, spread = figure.subplots(2, 1, height_ratios=(3, 1))
    _draw_stages(over_time, stages_ms, ages)
    _draw_spread(spread, ages)
    save(figure, path)


def _draw_stages(
    axes: Axes, stages_ms: Mapping[str, Sequence[float]], ages: NDArray[np.float64]
) -> None:
    base = np.zeros(len(ages))
    frames = np.arange(len(ages))
    for colour, (stage, values) in zip(COLOURS, stages_ms.items(), strict=False):
        series = np.asarray(values, np.float64)
        label = f"{stage}  {np.median(series):.1f}"
        axes.fill_between(
            frames, base, base + series, step="mid", color=colour, label=label, linewidth=0
        )
        base = base + series
    axes.step(frames, ages, where="mid", color="black", linewidth=0.8, label="age of the answer")
    axes.set_xlim(-0.5, len(ages) - 0.5)
    # One slow frame must not flatten all the others.
    axes.set_ylim(0, min(ages.max() * 1.1, max(np.percentile(ages, 99) * 1.5, 1.0)))
    axes.set_xlabel("processed frame")
    axes.set_ylabel("ms")
    axes.set_title("Where the time of a frame goes, stage by stage (median in ms)", loc="left")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False
    )


def _draw_spread(axes: Axes, ages: NDArray[np.float64]) -> None:
    top = max(float(np.percentile(ages, 99.5)) * 1.05, 1.0)
    axes.hist(np.minimum(ages, top), bins=60, range=(0, top), color="#BBBBBB")
    for share, style in ((50, "-"), (95, "--"), (99, ":")):
        value = float(np.percentile(ages, share))
        label = f"p{share}  {value:.1f} ms"
        axes.axvline(value, color="black", linestyle=style, linewidth=1.2, label=label)
    axes.set_xlim(0, top)
    axes.set_xlabel("age of the answer when it left, ms")
    axes.set_ylabel("frames")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def measure_over_time(path: Path, series: Mapping[str, Sequence[float]], measure: str) -> None:
    """A measure from 0 to 1 over the frames, a small plot for each of ``series``.

    Raises ValueError for no series.
    """
    if not series:
        raise ValueError("a plot over time needs at least one series")
    columns = min(_COLUMNS, len(series))
    rows = math.ceil(len(series) / columns)
    figure = new_figure(3.6 * columns, 2.1 * rows + 0.3)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.flat[len(series) :]:
        axes.set_visible(False)
    for axes, (name, values) in zip(grid.flat, series.items(), strict=False):
        mean = float(np.mean(values))
        frames = np.arange(1, len(values) + 1)
        axes.fill_between(frames, values, color=COLOURS[2], alpha=0.35, linewidth=0)
        axes.plot(frames, values, color=COLOURS[0], linewidth=1.2)
        axes.axhline(mean, color="black", linestyle="--", linewidth=0.8)
        axes.set_title(f"{name}   mean {mean:.3f}", loc="left", fontsize=9)
        axes.set_xlim(1, max(len(values), 2))
        axes.set_ylim(0, 1)
    for axes in grid[:, 0]:
        axes.set_ylabel(measure)
    figure.supxlabel("frame", fontsize=9)
    save(figure, path)


def plot_training(
    path: Path,
    steps: Sequence[float],
    series: Mapping[str, Sequence[float]],
    smooth_over: int = 25,
) -> None:
    """How values went during a training, a plot for each, thin as they are and bold smoothed.

    Raises ValueError for no step.
    """
    if not len(steps) or not series:
        raise ValueError("a training curve needs at least one step and one series")
    columns = min(_COLUMNS, len(series))
    rows = math.ceil(len(series) / columns)
    figure = new_figure(3.8 * columns, 2.5 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(series) :]:
        axes.set_visible(False)
    for number, (axes, (name, values)) in enumerate(zip(grid.flat, series.items(), strict=False)):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(steps, values, color=colour, alpha=0.3, linewidth=0.7)
        axes.plot(steps, _smooth(values, smooth_over), color=colour, linewidth=1.8)
        axes.set_title(name, loc="left", fontsize=9)
        axes.set_xlabel("step")
    save(figure, path)


def _smooth(values: Sequence[float], over: int) -> NDArray[np.float64]:
    """The mean of the last ``over`` values at each place; what is not finite is left out."""
    series = np.asarray(values, np.float64)
    known = np.isfinite(series)
    sums = np.cumsum(np.where(known, series, 0.0))
    counts = np.cumsum(known).astype(np.float64)
    sums[over:] -= sums[:-over].copy()
    counts[over:] -= counts[:-over].copy()
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves from 0 to 1 over the same ``x``, by what the legend calls them.

    ``marked`` is a stretch of x that is shaded.
    """

    title: str
    x_name: str
    x: Sequence[float] | NDArray[Any]
    by_name: Mapping[str, Sequence[float] | NDArray[Any]]
    marked: tuple[float, float] | None = None


def plot_curves(path: Path, panels: Sequence[Curves]) -> None:
    """Panels of curves side by side, each with its legend.

    Raises ValueError for no panel.
    """
    if not panels:
        raise ValueError("a plot of curves needs at least one panel")
    figure = new_figure(4.8 * len(panels), 3.8)
    for axes, panel in zip(
        figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True
    ):
        if panel.marked:
            axes.axvspan(*panel.marked, color="#EEEEEE", linewidth=0)
        for number, (name, values) in enumerate(panel.by_name.items()):
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(panel.x, values, color=colour, linewidth=1.6, label=name)
        axes.set_ylim(0, 1.02)
        axes.set_title(panel.title, loc="left", fontsize=9)
        axes.set_xlabel(panel.x_name, fontsize=9)
        axes.legend(frameon=False, fontsize=8)
    save(figure, path)


def new_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, apart from pyplot's global state and its windows."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Writes a figure, with all its axes in one look."""
    for axes in figure.axes:
        _tidy(axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
