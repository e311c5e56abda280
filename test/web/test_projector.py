"""The thread that makes pictures of shots outlives a shot that is none."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from support.page_bench import read_picture, shot
from support.session_bench import wait_until

from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import Shot
from siammask_ros.web.messages import Picture
from siammask_ros.web.projector import Projector


def test_a_shot_that_cannot_be_encoded_is_said_and_the_next_one_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    delivered: list[Picture] = []
    projector = Projector(WebConfig(), delivered.append)
    try:
        for _ in range(3):
            projector.put(Shot(np.zeros((0, 0, 3), np.uint8), 1))
            wait_until(lambda: bool(projector.problem), "the problem")
        assert projector.problem.startswith("a picture cannot be shown: ")
        projector.put(shot(0))
        wait_until(lambda: bool(delivered), "the next picture")
        assert read_picture(delivered[-1].data)["width"] == 320
        wait_until(lambda: not projector.problem, "the problem to be over")
    finally:
        projector.close()
    assert len(caplog.records) == 1, "throttled"
