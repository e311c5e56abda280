"""The player plays a source in the source's own time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import rclpy
from rclpy.context import Context
from rclpy.parameter import Parameter
from support.timed_videos import write_timed_video

from siammask_ros.ros.nodes.player import MAX_STEP_S, PlayerNode

TIMES_MS = [0, 40, 80, 580, 1080, 1120]


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


@pytest.mark.parametrize(
    ("rate", "steps_s"),
    [(0.0, [0.04, 0.04, 0.5, 0.5, 0.04]), (20.0, [0.05] * 5)],
    ids=["the source's own times", "a given rate"],
)
def test_images_are_as_far_apart_as_in_the_source(
    tmp_path: Path, context: Context, rate: float, steps_s: list[float]
) -> None:
    video = write_timed_video(tmp_path / "uneven.mp4", TIMES_MS)
    values = {"source": str(video), "rate": rate}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    player = PlayerNode(context=context, parameter_overrides=overrides)
    try:
        stamps_s = [frame.stamp_s for frame in player._source]
        steps = [player._step_s(before, after) for before, after in pairwise(stamps_s)]
        assert steps == pytest.approx(steps_s)
        assert player._step_s(stamps_s[-1], stamps_s[0]) == player._period_s, "at the end of a loop"
        assert player._step_s(0.0, 3600.0) <= MAX_STEP_S
    finally:
        player.destroy_node()
