"""The plot of a benchmark: which engine is how fast, and what more targets and pixels cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.media.plots import COLOURS, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class BenchedCell:
    """An entry of a benchmark with so many targets on images of a size.

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


def plot_speed(path: Path, cells: Sequence[BenchedCell], title: str) -> None:
    """Which engine is how fast: bars by stage for each model, then over targets and sizes.

    Raises ValueError for no cell.
    """
    if not cells:
        raise ValueError("a plot of speed needs at least one cell")
    models = list(dict.fromkeys(cell.model for cell in cells))
    bars = [_alone(cells, model, cells[0].size) for model in models]
    height = 0.34 * sum(len(rows) + 2.0 for rows in bars)
    figure = new_figure(11, height + 3.8)
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
    save(figure, path)


def _alone(cells: Sequence[BenchedCell], model: str, size: str) -> list[BenchedCell]:
    """The model's entries with one target on this size, the slowest first."""
    rows = [c for c in cells if c.model == model and c.targets == 1 and c.size == size]
    return sorted(rows, key=lambda cell: -cell.median_ms)


def _draw_targets(axes: Axes, cells: Sequence[BenchedCell]) -> None:
    for look, group in _group_by_entry(cells):
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
    for look, group in _group_by_entry(cells):
        rows = [cell for cell in group if cell.targets == 1]
        places = [sizes.index(cell.size) for cell in rows]
        axes.plot(places, [cell.median_ms for cell in rows], **look)
    _log_ms(axes)
    axes.set_xticks(range(len(sizes)), sizes)
    axes.set_xlabel("image, with a target of the same pixels", fontsize=9)
    axes.set_title("A step on larger images, ms", loc="left", fontsize=9)


def _log_ms(axes: Axes) -> None:
    """A logarithmic axis with plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _group_by_entry(
    cells: Sequence[BenchedCell],
) -> list[tuple[dict[str, Any], list[BenchedCell]]]:
    """Each entry's cells, and how its line looks."""
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
