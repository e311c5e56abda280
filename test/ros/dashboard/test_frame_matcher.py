"""A picture is shown with its own answer or with none."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from siammask_ros.media.drawing import DrawnTarget
from siammask_ros.ros.dashboard.frame_matcher import MAX_WAITING, MIN_WAIT_S, FrameMatcher
from siammask_ros.web.feed import AnnotatedFrame


class Bench:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.frames: list[AnnotatedFrame] = []
        self.matcher = FrameMatcher(self.frames.append, lambda: self.now_s)

    def add_image(self, stamp_ns: int) -> None:
        image = np.full((12, 16, 3), stamp_ns % 256, np.uint8)
        self.matcher.add_image(stamp_ns, image)

    def add_tracks(self, stamp_ns: int, *ids: str, state: str = "TRACKING") -> None:
        corners = np.zeros((4, 2))
        outline = (np.array([(1, 1), (5, 1), (5, 5)]),)
        self.matcher.add_tracks(
            stamp_ns, [DrawnTarget(each, state, "", 0.9, corners, outline) for each in ids]
        )

    def add_mask(self, stamp_ns: int, number: int = 1) -> None:
        labels = np.zeros((12, 16), np.uint8)
        labels[2:8, 3:9] = number
        labels[4:6, 5:7] = 0
        self.matcher.add_mask(stamp_ns, labels)

    @property
    def said(self) -> list[tuple[int, int | None]]:
        """Stamp of every frame and how many targets it has; None for an answer that is none."""
        return [(s.stamp_ns, None if s.targets is None else len(s.targets)) for s in self.frames]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_without_a_tracker_every_picture_is_shown_alone(bench: Bench) -> None:
    for stamp_ns in (1, 2, 3):
        bench.add_image(stamp_ns)
    assert bench.said == [(1, None), (2, None), (3, None)]


def test_while_answers_come_a_picture_waits_for_its_own(bench: Bench) -> None:
    bench.add_tracks(0, "1")
    for stamp_ns in (1, 2, 3):
        bench.add_image(stamp_ns)
    bench.add_tracks(2, "1")
    bench.add_image(4)
    bench.add_tracks(4)
    bench.add_tracks(3, "1")
    assert bench.said == [(2, 1), (4, 0)], "1 and 3 were left out"
    assert (bench.frames[0].image == 2).all()


def test_an_answer_that_comes_before_its_picture_waits_for_it(bench: Bench) -> None:
    bench.add_tracks(1, "1")
    bench.add_image(1)
    assert bench.said == [(1, 1)]


def test_pictures_are_shown_alone_again_when_the_answers_end(bench: Bench) -> None:
    bench.add_tracks(1, "1")
    bench.add_image(1)
    bench.add_image(2)
    bench.now_s += MIN_WAIT_S
    bench.add_image(3)
    assert bench.said == [(1, 1), (3, None)]


def test_a_mask_that_is_published_is_waited_for_and_shown_with_all_parts_and_holes(
    bench: Bench,
) -> None:
    bench.add_mask(0)
    bench.add_tracks(1, "a", "b")
    bench.add_image(1)
    assert bench.said == []
    bench.add_mask(1, number=2)
    assert bench.said == [(1, 2)]
    first, second = bench.frames[0].targets or ()
    assert first.contours == (), "the mask says that it covers nothing"
    assert len(second.contours) == 2, "its border and that of the hole in it"


def test_a_mask_that_is_lost_is_not_waited_for_any_longer_than_to_the_next_answer(
    bench: Bench,
) -> None:
    bench.add_mask(0)
    for stamp_ns in (1, 2):
        bench.add_image(stamp_ns)
        bench.add_tracks(stamp_ns, "a")
    bench.add_mask(2)
    bench.add_image(1)
    assert [stamp_ns for stamp_ns, _ in bench.said][-1] == 2


def test_a_target_that_is_not_seen_gets_no_mask(bench: Bench) -> None:
    bench.add_mask(1)
    bench.add_tracks(1, "a", state="LOST")
    bench.add_image(1)
    ((target,),) = (frame.targets or () for frame in bench.frames)
    assert len(target.contours) == 1, "as the tracks message said, and nothing of the mask"


def test_pictures_without_a_stamp_are_never_paired(bench: Bench) -> None:
    bench.add_tracks(5, "1")
    bench.add_image(0)
    bench.add_image(0)
    assert bench.said == [(0, None), (0, None)]


def test_what_waits_is_bounded(bench: Bench) -> None:
    bench.add_tracks(10**6, "1")
    for stamp_ns in range(1, 1000):
        bench.add_image(stamp_ns)
        bench.add_mask(stamp_ns)
    for stamp_ns in range(2000, 3000):
        bench.add_tracks(stamp_ns, "1")
    matcher = bench.matcher
    assert len(matcher._images) <= MAX_WAITING
    assert max(len(matcher._answers), len(matcher._masks)) <= MAX_WAITING
    bench.add_image(5000)
    bench.add_mask(5000)
    bench.add_tracks(5000, "1")
    assert bench.said == [(5000, 1)]


def test_stamps_that_jump_back_begin_anew(bench: Bench) -> None:
    bench.add_tracks(900, "1")
    bench.add_image(901)
    bench.add_image(1)
    bench.add_tracks(1, "1")
    bench.add_image(2)
    bench.add_tracks(2, "1")
    assert bench.said == [(1, 1), (2, 1)]


def test_a_tracker_of_one_answer_a_second_has_its_targets_shown(bench: Bench) -> None:
    """A camera of 30 Hz; each answer comes 1.2 s after its picture, and is to the newest then."""
    asked = 0
    for stamp_ns in range(1, 301):
        bench.now_s += 1 / 30
        bench.add_image(stamp_ns)
        if stamp_ns % 36 == 0:
            if asked:
                bench.add_tracks(asked, "1")
            asked = stamp_ns
    answered = [stamp for stamp, targets in bench.said if targets == 1]
    assert answered == [144, 180, 216, 252], "all since the rate is known, after two answers"
    after = [targets for stamp, targets in bench.said if stamp >= 144]
    assert set(after) == {1}, "no picture without its targets in between"


def test_the_wait_follows_the_rate_down_again(bench: Bench) -> None:
    for stamp_ns in range(1, 4):
        bench.now_s += 1.2
        bench.add_tracks(stamp_ns, "1")
    for stamp_ns in range(4, 12):
        bench.now_s += 0.03
        bench.add_tracks(stamp_ns, "1")
    bench.now_s += MIN_WAIT_S
    bench.add_image(20)
    assert bench.said == [(20, None)]


def test_a_picture_that_comes_late_is_not_shown_after_a_newer_one(bench: Bench) -> None:
    bench.add_tracks(1, "1")
    bench.add_tracks(2, "1")
    bench.add_image(2)
    bench.add_image(1)
    bench.add_tracks(2, "1")
    bench.add_image(2)
    assert bench.said == [(2, 1)], "neither out of order nor twice"


def test_an_answer_to_a_picture_older_than_the_one_shown_alone_is_not_shown(bench: Bench) -> None:
    bench.add_tracks(1, "1")
    bench.add_image(2)
    bench.now_s += MIN_WAIT_S
    bench.add_image(3)
    bench.add_tracks(2, "1")
    assert bench.said == [(3, None)]


def test_shots_come_in_order_and_once_from_three_threads(bench: Bench) -> None:
    bench.add_mask(0)
    stamps = range(1, 400)

    def feed(give: object) -> None:
        for stamp_ns in stamps:
            give(stamp_ns)  # type: ignore[operator]
            barrier.wait(60)

    barrier = threading.Barrier(3)
    gives = (bench.add_image, lambda stamp_ns: bench.add_tracks(stamp_ns, "1"), bench.add_mask)
    threads = [threading.Thread(target=feed, args=(give,)) for give in gives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [stamp_ns for stamp_ns, _ in bench.said] == list(stamps), "none lost, none doubled"
