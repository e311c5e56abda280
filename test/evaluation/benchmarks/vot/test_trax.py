"""The tracker as a TraX client drives it: a real process, the shipped weights, real pipes.

The client here writes the protocol's lines itself: vot-trax's own would bring the tests down with
it when a tracker ends early. test_vot_toolkit.py has that one.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.moving_square import picture, square_box

from siammask_ros.evaluation.metrics.overlap import polygon_overlap
from siammask_ros.geometry.boxes import RotatedBox

pytest.importorskip("trax", reason="TraX is not installed: pip install vot-trax")

FRAMES = 8
COMMAND = [sys.executable, "-m", "siammask_ros.cli", "trax", "--threads", "1"]
Given = Callable[[RotatedBox], str]


class Client:
    """Sends a line of the protocol, reads the answer to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin and process.stdout
        self._to, self._from = process.stdin, process.stdout
        self.greeting = self._answer()

    def initialize(self, path: Path, *regions: str) -> list[str]:
        # The first line forgets the target before, the second names the new one.
        named = ["@@TRAX:initialize", *(f'@@TRAX:initialize "{region}"' for region in regions)]
        return self._said(*named, f'@@TRAX:frame "file://{path}"')

    def frame(self, path: Path) -> list[str]:
        return self._said(f'@@TRAX:frame "file://{path}"')

    def quit(self) -> None:
        self._to.write("@@TRAX:quit\n")
        self._to.flush()

    def _said(self, *lines: str) -> list[str]:
        self._to.write("".join(f"{line}\n" for line in lines))
        self._to.flush()
        return self._answer()

    def _answer(self) -> list[str]:
        """The kind of the next message, and its arguments; empty at the end."""
        for line in self._from:
            kind = re.match(r"@@TRAX:(\w+)", line)
            if kind:
                return [kind[1], *re.findall(r'"([^"]*)"', line)]
        return []


@contextmanager
def driven(log: Path, *arguments: str, returncode: int = 0) -> Iterator[Client]:
    """A client of a tracker's process, which has to end by itself; its stderr goes to ``log``."""
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield Client(process)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == returncode, log.read_text()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{number:05d}.png" for number in range(FRAMES)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), picture(number))
    return paths


def as_rectangle(box: RotatedBox) -> str:
    return ",".join(f"{value:.2f}" for value in box.bounding_xywh)


def as_polygon(box: RotatedBox) -> str:
    return ",".join(f"{value:.2f}" for value in box.corners_xy.ravel())


def as_mask(box: RotatedBox) -> str:
    """A row without the target, then all with it: run lengths, row by row."""
    left, top, width, height = (round(value) for value in box.bounding_xywh)
    return f"mask:{left},{top - 1},{width},{height + 1},{width},{width * height}"


def numbers_of(region: str) -> list[float]:
    return [float(value) for value in region.removeprefix("mask:").split(",")]


def polygon_corners(region: str) -> np.ndarray:
    assert len(numbers_of(region)) == 8
    return np.array(numbers_of(region)).reshape(4, 2)


def rectangle_corners(region: str) -> np.ndarray:
    left, top, width, height = numbers_of(region)
    return RotatedBox.from_xywh((left, top, width, height)).corners_xy


def mask_corners(region: str) -> np.ndarray:
    assert region.startswith("mask:")
    left, top, width, height, *runs = (int(value) for value in numbers_of(region))
    values = np.repeat(np.arange(len(runs)) % 2, runs)
    # The last run is left out where it is empty.
    mask = np.pad(values, (0, width * height - len(values))).reshape(height, width)
    rows, columns = np.nonzero(mask)
    reach = (np.ptp(columns) + 1, np.ptp(rows) + 1)
    return RotatedBox.from_xywh((left + columns.min(), top + rows.min(), *reach)).corners_xy


@pytest.mark.parametrize(
    ("given", "wanted", "corners_of"),
    [
        (as_rectangle, "polygon", polygon_corners),
        (as_polygon, "rectangle", rectangle_corners),
        (as_mask, "mask", mask_corners),
    ],
)
def test_a_client_gets_the_region_it_asked_for(
    given: Given,
    wanted: str,
    corners_of: Callable[[str], np.ndarray],
    pictures: list[Path],
    tmp_path: Path,
) -> None:
    with driven(tmp_path / "log", "--region", wanted) as client:
        assert "trax.name=SiamMask lite" in client.greeting
        for start in (0, 2):  # started again, as after a failure
            kind, *_ = client.initialize(pictures[start], given(square_box(start)))
            assert kind == "state"
            for number in range(start + 1, FRAMES):
                kind, region, confidence = client.frame(pictures[number])
                assert kind == "state"
                overlap = polygon_overlap(corners_of(region), square_box(number).corners_xy)
                assert overlap > 0.5, number
                assert 0 <= float(confidence.removeprefix("confidence=")) <= 1
        client.quit()


def test_a_client_that_goes_away_ends_the_tracker(pictures: list[Path], tmp_path: Path) -> None:
    with driven(tmp_path / "log", returncode=2) as client:
        client.initialize(pictures[0], as_rectangle(square_box(0)))
    assert "the TraX client is gone" in (tmp_path / "log").read_text()


def test_a_damaged_picture_is_named(pictures: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "damaged.png"
    path.write_bytes(b"no picture")
    with driven(tmp_path / "log", returncode=2) as client:
        client.initialize(pictures[0], as_rectangle(square_box(0)))
        kind, reason = client.frame(path)
    assert kind == "quit"
    assert "damaged.png cannot be decoded" in reason
    assert "damaged.png cannot be decoded" in (tmp_path / "log").read_text()


def test_a_mask_without_a_pixel_is_refused(pictures: list[Path], tmp_path: Path) -> None:
    with driven(tmp_path / "log", returncode=2) as client:
        kind, reason = client.initialize(pictures[0], "mask:5,5,40,40,1600")
    assert kind == "quit"
    assert "the first mask is empty" in reason


def test_a_code_for_a_target_that_is_not_seen_is_no_region_to_start_from(
    pictures: list[Path], tmp_path: Path
) -> None:
    with driven(tmp_path / "log", returncode=2) as client:
        kind, reason = client.initialize(pictures[0], "0")
    assert kind == "quit"
    assert reason == "trax.reason=the first region is no rectangle, polygon or mask"
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("region", ["nan,nan,nan,nan", "10,10,0,0", "1,1,2,2,nan,3", "1,1,1,1,1,1"])
def test_a_region_that_no_tracker_can_start_from_is_refused(
    pictures: list[Path], tmp_path: Path, region: str
) -> None:
    with driven(tmp_path / "log", returncode=2) as client:
        kind, reason = client.initialize(pictures[0], region)
    assert kind == "quit"
    assert reason.startswith("trax.reason=")
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_picture_before_a_target_is_refused(pictures: list[Path], tmp_path: Path) -> None:
    with driven(tmp_path / "log", returncode=2) as client:
        kind, reason = client.frame(pictures[0])
    assert kind == "quit"
    assert reason == "trax.reason=the client sent an image before it named a target"


def test_two_targets_at_once_are_refused(pictures: list[Path], tmp_path: Path) -> None:
    with driven(tmp_path / "log", returncode=2) as client:
        two = [as_rectangle(square_box(0))] * 2
        kind, reason = client.initialize(pictures[0], *two)
    assert kind == "quit"
    assert "one target at a time" in reason


def test_started_by_hand_it_says_who_should() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb"), os.fdopen(theirs, "rb") as terminal:
        run = subprocess.run(COMMAND, stdin=terminal, capture_output=True, text=True, timeout=120)
    assert run.returncode == 2
    assert "there is no TraX client" in run.stderr


@pytest.mark.parametrize("is_pipe", [True, False], ids=["closed pipe", "/dev/null"])
def test_without_anybody_at_its_input_it_loads_no_network(is_pipe: bool) -> None:
    given = {"input": ""} if is_pipe else {"stdin": subprocess.DEVNULL}
    missing = ["--checkpoint", "missing.pth"]  # Loading would tell of it.
    run = subprocess.run([*COMMAND, *missing], **given, capture_output=True, text=True)
    assert run.returncode == 2
    assert "there is no TraX client" in run.stderr
