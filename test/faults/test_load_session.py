"""Rows B7, F3 and F4 at the level of a session: large pictures, many targets, bounded memory."""

from __future__ import annotations

import numpy as np
import pytest
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box
from support.session_bench import SessionBench, assert_on_square, stamp_of

from siammask_ros.errors import BoxError
from siammask_ros.session import Frame, SessionConfig


def large_frame(bench: SessionBench, index: int, width: int, height: int) -> Frame:
    """Picture ``index`` in the corner of a larger one, which is black."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:240, :320] = picture(index)
    return Frame(image, stamp_of(index), bench.clock(), "camera")


@pytest.mark.parametrize(
    ("width", "height"),
    [pytest.param(3840, 2160, id="4k"), pytest.param(4096, 4096, id="16-megapixels")],
)
def test_f3_large_pictures_are_tracked_and_what_is_kept_of_them_is_bounded(
    width: int, height: int
) -> None:
    limit_mb = 128
    with SessionBench(config=SessionConfig(history_mb=limit_mb)) as bench:
        bench.session.submit(large_frame(bench, 0, width, height))
        bench.settled()
        bench.start(0)
        for index in range(1, 8):
            bench.session.submit(large_frame(bench, index, width, height))
            bench.settled()
            assert_on_square(bench.results[-1], index)
        kept = [each.frame.image.nbytes for each in bench.session._shared.history]
        assert len(kept) < 7
        assert sum(kept) <= limit_mb << 20


def test_f4_as_many_targets_as_allowed_are_one_batch_and_one_more_is_refused() -> None:
    most = 64
    with SessionBench(FakeEngine(), SessionConfig(max_targets=most)) as bench:
        bench.answer(0)
        for number in range(most):
            bench.session.start_target(square_box(0), str(number))
        bench.settled()
        with pytest.raises(BoxError, match="64 targets are already active"):
            bench.session.start_target(square_box(0), "one more")
        answer = bench.answer(1)
        assert bench.engine.batches[-1] == most
        assert len(answer.targets) == most
        for number in range(most):
            assert_on_square(answer, 1, str(number))
        assert bench.session.forget("0")
        bench.start(1, "one more")
        bench.assert_tracks(2, "one more")
