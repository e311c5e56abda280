"""Numbered files are listed by number, whether or not the numbers have leading zeros."""

from __future__ import annotations

from pathlib import Path

import pytest

from siammask_ros.media.natural_order import in_natural_order


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([], id="nothing"),
        pytest.param([f"{number}.jpg" for number in range(120)], id="numbers"),
        pytest.param([f"{number:05d}.jpg" for number in range(120)], id="leading-zeros"),
        pytest.param(["img_2_left.png", "img_10_left.png", "img_10_right.png"], id="inside"),
        pytest.param(["1.jpg", "cover.jpg"], id="a-name-without-a-number"),
        pytest.param(["1.jpg", "2.jpg", "²3.jpg"], id="digits-that-are-no-number"),
        pytest.param(["01.jpg", "1.jpg", "002.jpg", "2.jpg"], id="equal-numbers"),
        pytest.param(["set2/9.jpg", "set10/1.jpg"], id="numbered-folders"),
    ],
)
def test_files_are_in_the_order_of_their_numbers(names: list[str]) -> None:
    paths = [Path("folder") / name for name in names]
    assert in_natural_order(reversed(paths)) == paths
    assert in_natural_order(sorted(paths)) == paths
