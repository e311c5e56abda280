"""Numbers as pictures: latency by stage, a measure over time, a training's course, speed."""

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


def latency_picture(
    path: Path, stages_ms: Mapping[str, Sequence[float]], age_ms: Sequence[float]
) -> None:
    """Where the time of every frame went: stages stacked over the frames, and the answer's age.

    ``stages_ms`` has a series for each stage, in order, as long as ``age_ms``. Below, how the
    ages are spread, with p50, p95 and p99. Raises ValueError for no frame.
    """
    ages = np.asarray(age_ms, np.float64)
    if not len(ages):
        raise ValueError("a latency picture needs at least one frame")
    figure = _figure(10, 6.4)
    over_time, spread = figure.subplots(2, 1, height_ratios=(3, 1))
    _draw_stages(over_time, stages_ms, ages)
    _draw_spread(spread, ages)
    _save(figure, path)


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
    figure = _figure(3.6 * columns, 2.1 * rows + 0.3)
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
    _save(figure, path)


def training_curve(
    path: Path,
    steps: Sequence[float],
    series: Mapping[str, Sequence[float]],
    step_name: str = "step",
    smooth_over: int = 25,
) -> None:
    """How values went during a training, a plot for each, thin as they are and bold smoothed.

    Raises ValueError for no step.
    """
    if not len(steps) or not series:
        raise ValueError("a training curve needs at least one step and one series")
    columns = min(_COLUMNS, len(series))
    rows = math.ceil(len(series) / columns)
    figure = _figure(3.8 * columns, 2.5 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(series) :]:
        axes.set_visible(False)
    for number, (axes, (name, values)) in enumerate(zip(grid.flat, series.items(), strict=False)):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(steps, values, color=colour, alpha=0.3, linewidth=0.7)
        axes.plot(steps, _smoothed(values, smooth_over), color=colour, linewidth=1.8)
        axes.set_title(name, loc="left", fontsize=9)
        axes.set_xlabel(step_name)
    _save(figure, path)


def _smoothed(values: Sequence[float], over: int) -> NDArray[np.float64]:
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


def curves_picture(path: Path, panels: Sequence[Curves]) -> None:
    """Panels of curves side by side, each with its legend.

    Raises ValueError for no panel.
    """
    if not panels:
        raise ValueError("a picture of curves needs at least one panel")
    figure = _figure(4.8 * len(panels), 3.8)
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
    _save(figure, path)


@dataclass(frozen=True, slots=True)
class BenchedCell:
    """A contestant of a benchmark with so many targets on pictures of a size.

    ``stages_share`` is each stage's part of ``median_ms``; ``mean_j`` its accuracy, if known.
    """

    model: str
    engine: str
    targets: int
    size: str
    median_ms: float
    p95_ms: float
    stages_share: Mapping[str, float]
    times_reference: float
    mean_j: float | None = None


def speed_picture(path: Path, cells: Sequence[BenchedCell], title: str) -> None:
    """Which engine is how fast: bars by stage for each model, then over targets and sizes.

    Raises ValueError for no cell.
    """
    if not cells:
        raise ValueError("a picture of speed needs at least one cell")
    models = list(dict.fromkeys(cell.model for cell in cells))
    bars = [_alone(cells, model, cells[0].size) for model in models]
    height = 0.34 * sum(len(rows) + 2.0 for rows in bars)
    figure = _figure(11, height + 3.8)
    figure.suptitle(title, fontsize=9)
    grid: Any = figure.subfigures(2, 1, squeeze=False, height_ratios=(height, 3.4))
    upper, lower = grid.flat
    panels = upper.subplots(
        len(models), 1, squeeze=False, height_ratios=[len(rows) + 1.0 for rows in bars]
    )
    for axes, model, rows in zip(panels.flat, models, bars, strict=True):
        _draw_engines(axes, model, rows)
    over_targets, over_sizes = lower.subplots(1, 2)
    _draw_targets(over_targets, cells)
    _draw_sizes(over_sizes, cells)
    over_sizes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=7)
    _save(figure, path)


def _alone(cells: Sequence[BenchedCell], model: str, size: str) -> list[BenchedCell]:
    """The model's contestants with one target on this size, the slowest first."""
    rows = [c for c in cells if c.model == model and c.targets == 1 and c.size == size]
    return sorted(rows, key=lambda cell: -cell.median_ms)


def _draw_targets(axes: Axes, cells: Sequence[BenchedCell]) -> None:
    for look, group in _by_contestant(cells):
        rows = [cell for cell in group if cell.size == group[0].size]
        axes.plot([cell.targets for cell in rows], [cell.median_ms for cell in rows], **look)
    counts = sorted({cell.targets for cell in cells})
    axes.set_xscale("log", base=2)
    _log_ms(axes)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("targets", fontsize=9)
    axes.set_title("A step with more targets, ms", loc="left", fontsize=9)


def _draw_sizes(axes: Axes, cells: Sequence[BenchedCell]) -> None:
    sizes = list(dict.fromkeys(cell.size for cell in cells))
    for look, group in _by_contestant(cells):
        rows = [cell for cell in group if cell.targets == 1]
        places = [sizes.index(cell.size) for cell in rows]
        axes.plot(places, [cell.median_ms for cell in rows], **look)
    _log_ms(axes)
    axes.set_xticks(range(len(sizes)), sizes)
    axes.set_xlabel("picture, with a target of the same pixels", fontsize=9)
    axes.set_title("A step on larger pictures, ms", loc="left", fontsize=9)


def _log_ms(axes: Axes) -> None:
    """A logarithmic axis with plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _by_contestant(
    cells: Sequence[BenchedCell],
) -> list[tuple[dict[str, Any], list[BenchedCell]]]:
    """Each contestant's cells, and how its line looks."""
    groups: dict[str, list[BenchedCell]] = {}
    for cell in cells:
        groups.setdefault(f"{cell.model} {cell.engine}", []).append(cell)
    looks = [
        {
            "label": name,
            "color": COLOURS[number % len(COLOURS)],
            "linestyle": "-" if number < len(COLOURS) else "--",
            "marker": "o",
            "markersize": 4,
        }
        for number, name in enumerate(groups)
    ]
    return list(zip(looks, groups.values(), strict=True))


def _draw_engines(axes: Axes, model: str, rows: Sequence[BenchedCell]) -> None:
    for place, cell in enumerate(rows):
        left = 0.0
        for colour, (stage, share) in zip(COLOURS, cell.stages_share.items(), strict=False):
            width = share * cell.median_ms
            label = stage if place == 0 else None
            axes.barh(place, width, left=left, color=colour, height=0.7, label=label)
            left += width
        if not cell.stages_share:
            axes.barh(place, cell.median_ms, color=COLOURS[7], height=0.7)
        axes.plot([cell.median_ms, cell.p95_ms], [place, place], color="black", linewidth=1)
        j = f"   J {cell.mean_j:.3f}" if cell.mean_j is not None else ""
        words = f" {cell.median_ms:.1f} ms   {cell.times_reference:.2f}× ref{j}"
        end = max(cell.p95_ms, cell.median_ms)
        axes.text(end, place, words, va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [cell.engine for cell in rows])
    axes.set_title(
        f"{model}: one target, ms by stage; the line ends at p95", loc="left", fontsize=9
    )
    longest = max((max(cell.p95_ms, cell.median_ms) for cell in rows), default=1.0)
    axes.set_xlim(0, longest * 1.45)
    if rows and rows[0].stages_share:
        axes.legend(loc="center right", frameon=False, fontsize=7)


def _figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, apart from pyplot's global state and its windows."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Figure, path: Path) -> None:
    for axes in figure.axes:
        _tidy(axes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
