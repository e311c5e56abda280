"""Table, page, plot and conclusions say what the numbers say."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from support.benchmark_numbers import benchmark, entry

from siammask_ros.errors import DataError
from siammask_ros.evaluation.speed.conclusions import conclude
from siammask_ros.evaluation.speed.measures import Benchmark
from siammask_ros.evaluation.speed.report import (
    as_text,
    read_benchmark,
    rows_of,
    write_benchmark,
    write_page,
)
from siammask_ros.media.speed_plot import plot_speed


def row(
    model: str, engine: str, targets: int, size: str, precision: str = "fp32"
) -> dict[str, str]:
    head, *rows = rows_of(benchmark())
    (found,) = (
        cells
        for cells in rows
        if cells[0].startswith(model) and cells[1:5] == (engine, precision, str(targets), size)
    )
    return dict(zip(head, found, strict=True))


def test_a_row_has_times_ratios_shares_and_accuracy() -> None:
    cells = row("resnet50", "openvino", 1, "480p")
    assert (cells["median"], cells["p95"], cells["p99"]) == ("160.0", "240.0", "320.0")
    assert cells["frames/s"] == "6.2"
    assert (cells["× ref"], cells["× one"]) == ("1.25", "1.00")
    assert cells["crop/network/select/mask"] == "2/90/2/6"
    assert (cells["first s"], cells["MB"], cells["mean J"]) == ("4.5", "640", "0.700")


def test_a_row_of_many_targets_is_compared_with_one() -> None:
    cells = row("resnet50", "openvino", 8, "480p")
    assert (cells["× ref"], cells["× one"]) == ("1.43", "7.00")


def test_a_row_of_a_large_picture_is_compared_with_the_small_one_only() -> None:
    cells = row("resnet50", "reference", 1, "4k")
    assert (cells["× ref"], cells["× one"], cells["MB"]) == ("", "1.50", "")


def test_what_nobody_measured_is_no_column() -> None:
    assert "GPU MB" not in rows_of(benchmark())[0]
    without_j = Benchmark({}, {}, (entry("lite", "eager", "fp32", 20.0),))
    assert "mean J" not in rows_of(without_j)[0]


def test_the_text_has_machine_rows_notes_and_failures() -> None:
    text = as_text(benchmark())
    assert "device: A CPU, 2 cores" in text
    assert "nanotrack v2 (boxes only)" in text
    assert "lite compiled fp32: not measured: opening took longer than 40 s." in text
    widths = {len(line) for line in text.splitlines() if " openvino " in line[:40]}
    assert max(widths) < 180


VERDICTS = {
    "the fastest that is good enough": (
        "resnet50: fastest is openvino bf16 with 80.0 ms, 12 frames/s, 2.50× the reference path; "
        "loses at most 0.01 mean J against fp32 (mean J 0.695)."
    ),
    "accuracy unknown": "lite: fastest is openvino bf16 with 16.0 ms, 62 frames/s, 12.50× the "
    "reference path; accuracy was not measured.",
    "fp32 alone": "resnet50 in fp32: fastest is openvino fp32 with 160.0 ms, 6 frames/s, 1.25× the "
    "reference path.",
    "models": "lite against resnet50 on the same engine: 8.0× on openvino fp32, 5.0× on openvino "
    "bf16.",
    "targets": "8 targets cost 3.00 (lite openvino bf16) to 7.00 (resnet50 openvino fp32) steps "
    "with one.",
    "pictures": "From 480p to 4k the tracker's step changes by +10% (lite openvino fp32) to +15% "
    "(lite openvino bf16).",
    "reference": "From 480p to 4k the reference path's changes by +50% (resnet50 reference fp32).",
    "first": "The first frame after opening takes 0.15 (resnet50 reference fp32) to 1.88 (lite "
    "openvino bf16) medians.",
}


@pytest.mark.parametrize("sentence", VERDICTS.values(), ids=VERDICTS)
def test_the_conclusions_are_sentences(sentence: str) -> None:
    assert sentence in conclude(benchmark())


def test_nothing_measured_has_no_conclusions() -> None:
    assert conclude(Benchmark({}, {}, ())) == []


def test_files_can_be_read_again(tmp_path: Path) -> None:
    numbers, text, picture = write_benchmark(tmp_path / "new", benchmark())
    assert read_benchmark(numbers) == benchmark()
    assert text.read_text(encoding="utf-8") == as_text(benchmark()) + "\n"
    image = cv2.imread(str(picture))
    assert image is not None
    assert min(image.shape[:2]) > 500


@pytest.mark.parametrize("content", [None, "", "{", "{}"], ids=["none", "empty", "cut", "other"])
def test_a_file_that_is_no_benchmark_is_refused(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=r"expected a bench\.json"):
        read_benchmark(path)


def test_nothing_measured_has_no_picture(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one cell"):
        plot_speed(tmp_path / "x.png", [], "nothing")


def test_a_page_has_a_table_and_a_picture_for_every_run(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "speed.md"
    files = write_page(page, [benchmark(), benchmark()], "siammask bench --markdown docs/speed.md")
    lines = page.read_text(encoding="utf-8").splitlines()
    assert "`siammask bench --markdown docs/speed.md`" in lines[2]
    assert lines.count("## A CPU, 2 cores") == 2
    columns = {line.count("|") for line in lines if line.startswith("|")}
    assert len(columns) == 1
    assert (
        sum(line.startswith("| resnet50 | openvino | bf16 | 1 | 480p | 80.0 |") for line in lines)
        == 2
    )
    pictures = [path for path in files if path.suffix == ".png"]
    assert [path.relative_to(page.parent).as_posix() for path in pictures] == [
        "images/speed_1.png",
        "images/speed_2.png",
    ]
    for path in pictures:
        assert cv2.imread(str(path)) is not None
        assert f"](images/{path.name})" in page.read_text(encoding="utf-8")
