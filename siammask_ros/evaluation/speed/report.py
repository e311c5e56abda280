"""What a benchmark leaves: a table, an image, JSON, and a page of documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from siammask_ros.errors import DataError, format_error
from siammask_ros.evaluation.speed.conclusions import conclude
from siammask_ros.evaluation.speed.measures import (
    STAGES,
    Benchmark,
    CellResult,
    Result,
    benchmark_as_json,
    benchmark_from_json,
)
from siammask_ros.media.speed_plot import BenchedCell, plot_speed

_EXPECTED = "expected a bench.json that siammask bench wrote"
_SHARES = "/".join(STAGES)
_COLUMNS = (
    *("model", "engine", "precision", "targets", "image", "median", "p95", "p99", "frames/s"),
    *("× ref", "× one", _SHARES, "first", "first s", "MB", "GPU MB", "mean J", "steps"),
)
_LEFT = 3
COLUMNS_MEAN = (
    ("median, p95, p99", "milliseconds of the whole step"),
    ("frames/s", "at the median"),
    (
        "× ref",
        "speed relative to the reference path (PyTorch, float32, masks pasted on the whole image; "
        "for resnet50 one target after another), measured in turns with it",
    ),
    ("× one", "time relative to a step with one target on the smallest image"),
    (_SHARES, "share of the step in %"),
    ("first", "time of the first step, relative to the median"),
    (
        "first s",
        "seconds from the start of the process to its first result; longer when OpenVINO compiles "
        "a network for the first time",
    ),
    ("MB", "peak memory of the process with its libraries"),
    ("mean J", "accuracy of the masks on the sequences that are named with the machine"),
    ("steps", "number of steps measured"),
)


def rows_of(benchmark: Benchmark) -> list[tuple[str, ...]]:
    """The table's cells as text, head first; an entry's note stands beside its model."""
    rows = [
        _row(result, cell, result.cells[0])
        for result in benchmark.measured
        for cell in result.cells
    ]
    # What was not measured has no column.
    used = [
        index
        for index, title in enumerate(_COLUMNS)
        if title not in ("GPU MB", "mean J") or any(row[index] for row in rows)
    ]
    return [tuple(row[index] for index in used) for row in (_COLUMNS, *rows)]


def _row(result: Result, cell: CellResult, base: CellResult) -> tuple[str, ...]:
    timing, is_base = cell.timing, cell is base
    shares = [f"{cell.stages_share[stage] * 100:.0f}" for stage in STAGES if cell.stages_share]
    return (
        result.model + (f" ({result.note})" if result.note else ""),
        result.engine,
        result.precision,
        str(cell.targets),
        cell.size,
        f"{timing.median_ms:.1f}",
        f"{timing.p95_ms:.1f}",
        f"{timing.p99_ms:.1f}",
        f"{timing.steps_per_s:.1f}",
        f"{cell.times_reference:.2f}" if cell.size == base.size else "",
        f"{timing.median_ms / base.timing.median_ms:.2f}" if base.targets == 1 else "",
        "/".join(shares),
        f"{cell.first_to_median:.2f}",
        f"{result.first_result_s:.1f}" if is_base else "",
        f"{cell.peak_memory_mb:.0f}" if cell.size == base.size else "",
        f"{cell.device_memory_mb:.0f}" if cell.device_memory_mb else "",
        f"{result.mean_j:.3f}" if is_base and result.mean_j is not None else "",
        str(timing.steps),
    )


def as_text(benchmark: Benchmark) -> str:
    """Machine, table and conclusions for a terminal."""
    rows = rows_of(benchmark)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{name}: {value}" for name, value in _collect_facts(benchmark)]
    lines.append("")
    for row in rows:
        cells = [
            cell.ljust(width) if index < _LEFT else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines += ["", *_columns(), "", *conclude(benchmark), *_failures(benchmark)]
    return "\n".join(lines)


def write_benchmark(folder: Path, benchmark: Benchmark) -> list[Path]:
    """Writes bench.json, bench.txt and bench.png to ``folder``; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers, text, image = (folder / f"bench.{kind}" for kind in ("json", "txt", "png"))
    content = json.dumps(benchmark_as_json(benchmark), indent=1)
    numbers.write_text(content + "\n", encoding="utf-8")
    text.write_text(as_text(benchmark) + "\n", encoding="utf-8")
    draw_benchmark(image, benchmark)
    return [numbers, text, image]


def read_benchmark(path: Path) -> Benchmark:
    """What ``write_benchmark`` wrote as JSON; raises DataError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return benchmark_from_json(content)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {format_error(error)}; {_EXPECTED}") from error
    except DataError as error:
        raise DataError(f"{path} is no benchmark; {_EXPECTED}") from error


def draw_benchmark(path: Path, benchmark: Benchmark) -> None:
    """The benchmark as one image: engines, numbers of targets, sizes of images."""
    cells = [
        BenchedCell(
            result.model,
            f"{result.engine} {result.precision}",
            cell.targets,
            cell.size,
            cell.timing.median_ms,
            cell.timing.p95_ms,
            dict(cell.stages_share),
            cell.times_reference,
            result.mean_j if cell is result.cells[0] else None,
        )
        for result in benchmark.measured
        for cell in result.cells
    ]
    plot_speed(path, cells, benchmark.machine["device"])


def write_page(path: Path, benchmarks: Sequence[Benchmark], command: str) -> list[Path]:
    """Writes a page in Markdown on these runs, and an image of each to images/ beside it.

    ``command`` is named at its top as what made it. Returns the files.
    """
    images = path.parent / "images"
    lines = [
        "# Speed",
        "",
        f"Made by `{command}` from what `siammask bench` measured; not written by hand.",
        "",
        "This is the time of the tracker alone. From an image published over ROS 2 to its "
        "detections in another process, at 640×480, 720p and 1080p: [latency](latency.md). Every "
        "number is of the machine that its section names. How fast it is on your GPU: "
        "[speed on a GPU](speed_gpu.md).",
    ]
    files = [path]
    for number, benchmark in enumerate(benchmarks, start=1):
        image = images / f"{path.stem}_{number}.png"
        draw_benchmark(image, benchmark)
        files.append(image)
        lines += ["", f"## {benchmark.machine['device']}", ""]
        lines += [f"* {line}" for line in [*conclude(benchmark), *_failures(benchmark)]]
        lines += ["", "Measured on:", ""]
        lines += [f"* {name}: {value}" for name, value in _collect_facts(benchmark)]
        lines += ["", f"![Milliseconds by engine, targets and image](images/{image.name})", ""]
        head, *rows = rows_of(benchmark)
        aligned = ["---" if index < _LEFT else "---:" for index in range(len(head))]
        lines += ["| " + " | ".join(row) + " |" for row in (head, aligned, *rows)]
    lines += ["", "## Columns", "", *(f"* {line}" for line in _columns())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return files


def _columns() -> list[str]:
    """What each column of the table means, a line each."""
    return [f"{name}: {meaning}" for name, meaning in COLUMNS_MEAN]


def _collect_facts(benchmark: Benchmark) -> list[tuple[str, str]]:
    return [*benchmark.machine.items(), *benchmark.how.items()]


def _failures(benchmark: Benchmark) -> list[str]:
    return [f"{result.name}: {_describe_failure(result)}." for result in benchmark.failed]


def _describe_failure(result: Result) -> str:
    reason = result.failure.rstrip(".")
    return f"measured in part only: {reason}" if result.cells else f"not measured: {reason}"
