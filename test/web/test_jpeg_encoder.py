"""The thread that makes pictures of frames outlives a frame that is none."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from support.page_bench import frame, read_picture
from support.session_bench import wait_until

from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import AnnotatedFrame
from siammask_ros.web.jpeg_encoder import JpegEncoder
from siammask_ros.web.messages import EncodedFrame


def test_a_shot_that_cannot_be_encoded_is_said_and_the_next_one_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    delivered: list[EncodedFrame] = []
    encoder = JpegEncoder(WebConfig(), delivered.append)
    try:
        for _ in range(3):
            encoder.put(AnnotatedFrame(np.zeros((0, 0, 3), np.uint8), 1))
            wait_until(lambda: bool(encoder.problem), "the problem")
        assert encoder.problem.startswith("an image cannot be encoded: ")
        encoder.put(frame(0))
        wait_until(lambda: bool(delivered), "the next picture")
        assert read_picture(delivered[-1].data)["width"] == 320
        wait_until(lambda: not encoder.problem, "the problem to be over")
    finally:
        encoder.close()
    assert len(caplog.records) == 1, "throttled"
