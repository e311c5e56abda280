"""A benchmark of made-up numbers, to test what is said of it."""

from __future__ import annotations

from siammask_ros.evaluation.speed.measures import Benchmark, CellResult, Result, Timing

SHARES = {"crop": 0.02, "network": 0.9, "select": 0.02, "mask": 0.06}


def cell(
    targets: int = 1,
    size: str = "480p",
    median_ms: float = 20.0,
    reference_ms: float = 200.0,
    first_ms: float = 30.0,
    shares: dict[str, float] | None = None,
) -> CellResult:
    timing = Timing(40, median_ms, round(median_ms * 1.5, 3), median_ms * 2)
    stages = SHARES if shares is None else shares
    return CellResult(targets, size, timing, stages, reference_ms, first_ms, 640.0)


def entry(
    model: str,
    engine: str,
    precision: str,
    median_ms: float,
    mean_j: float | None = None,
    many: float = 3.0,
    large: float = 1.1,
) -> Result:
    cells = (
        cell(median_ms=median_ms),
        cell(targets=8, median_ms=round(median_ms * many, 3)),
        cell(size="4k", median_ms=round(median_ms * large, 3)),
    )
    return Result(model, engine, precision, "cpu", "", 4.5, mean_j, cells)


def benchmark() -> Benchmark:
    """The reference path, three engines for each model, a quick but bad one, and a baseline."""
    baseline = Result(
        "nanotrack v2", "opencv", "fp32", "cpu", "boxes only", 0.5, None, (cell(shares={}),)
    )
    return Benchmark(
        {"device": "A CPU, 2 cores", "versions": "torch 2.9"},
        {"command": "siammask bench"},
        (
            entry("resnet50", "reference", "fp32", 200.0, 0.70, large=1.5),
            entry("resnet50", "openvino", "fp32", 160.0, 0.70, many=7.0),
            entry("resnet50", "openvino", "bf16", 80.0, 0.695),
            entry("resnet50", "openvino", "int8", 50.0, 0.60),
            entry("lite", "openvino", "fp32", 20.0),
            entry("lite", "openvino", "bf16", 16.0, large=1.15),
            baseline,
            Result("lite", "compiled", "fp32", failure="opening took longer than 40 s"),
        ),
    )
