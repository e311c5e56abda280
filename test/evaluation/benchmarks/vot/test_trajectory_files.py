"""Result files of VOT: written as the toolkit wants them, read as trackers write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siammask_ros.errors import DataError
from siammask_ros.evaluation.benchmarks.vot.measuring import FAILURE, SKIPPED, START
from siammask_ros.evaluation.benchmarks.vot.trajectory_files import (
    read_trajectory,
    result_path,
    write_trajectory,
)

REGION = np.array([[1.25, 2], [30, 4.5], [28, 20], [0, 19]])


def test_a_file_has_a_line_a_frame(tmp_path: Path) -> None:
    path = result_path(tmp_path, "bag")
    assert path == tmp_path / "baseline" / "bag" / "bag_001.txt"
    write_trajectory(path, [START, REGION, FAILURE, SKIPPED])
    region = "1.2500,2.0000,30.0000,4.5000,28.0000,20.0000,0.0000,19.0000"
    assert path.read_text() == f"1\n{region}\n2\n0\n"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_trajectory(path, [START, REGION, FAILURE, SKIPPED])
    start, region, *rest = read_trajectory(path)
    assert (start, rest) == (START, [FAILURE, SKIPPED])
    assert np.array_equal(region, REGION)


def test_other_trackers_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1.0000\r\n10,20,30,40\r\n2\r\n")
    start, region, failure = read_trajectory(path)
    assert (start, failure) == (START, FAILURE)
    assert np.array_equal(region, [[10, 20], [40, 20], [40, 60], [10, 60]])


@pytest.mark.parametrize("line", ["3", "1,2,3", "nan,nan,nan,nan", "lost"])
def test_a_line_that_is_no_region_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"1\n{line}\n")
    with pytest.raises(DataError, match=r"a\.txt:2 cannot be read"):
        read_trajectory(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bag_001\.txt is missing"):
        read_trajectory(result_path(tmp_path, "bag"))
