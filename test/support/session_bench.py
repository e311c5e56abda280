"""A session with a fake engine, fed with pictures of the moving square."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box, square_center

from siammask_ros.session import Frame, FrameResult, Session, SessionConfig, Tracker
from siammask_ros.tracker.config import find_preset

START_NS = 1_000_000_000_000
PERIOD_NS = 40_000_000
WAIT_S = 20.0


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> Any:
    """What the condition gives once it is true; fails the test where it stays false."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {timeout_s} s in vain for: {what}")


def stamp_of(index: int) -> int:
    return START_NS + index * PERIOD_NS


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class SessionBench:
    """Feeds a session frame by frame; use it in a with statement."""

    def __init__(
        self,
        engine: FakeEngine | None = None,
        config: SessionConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine or FakeEngine()
        self.clock = clock
        self.results: list[FrameResult] = []
        self.refusals: list[tuple[str, str]] = []
        self.losses: list[str] = []
        self.session = Session(
            # One image is enough to take a target back: the tests count images one by one.
            Tracker(self.engine, replace(find_preset("lite"), confirm_frames=1)),
            self.results.append,
            config or SessionConfig(),
            clock,
            on_refusal=lambda target_id, reason: self.refusals.append((target_id, reason)),
            on_lost=self.losses.append,
        )

    def __enter__(self) -> SessionBench:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.released.set()
        assert self.session.stop(), "the worker did not end"

    def frame(self, index: int, stamp_ns: int | None = None, **picture_options: Any) -> Frame:
        stamp_ns = stamp_of(index) if stamp_ns is None else stamp_ns
        return Frame(picture(index, **picture_options), stamp_ns, self.clock(), "camera")

    def submit(self, index: int, stamp_ns: int | None = None, **picture_options: Any) -> None:
        self.session.submit(self.frame(index, stamp_ns, **picture_options))

    def submit_discarded(self, index: int, stamp_ns: int | None = None, **options: Any) -> None:
        """Hands in a picture that must not be answered."""
        before = self.session.health().counters.total_dropped
        self.submit(index, stamp_ns, **options)
        assert self.session.health().counters.total_dropped == before + 1

    def answer(self, index: int, stamp_ns: int | None = None, **options: Any) -> FrameResult:
        """Hands in a picture and waits for its result."""
        before = len(self.results)
        self.submit(index, stamp_ns, **options)
        return wait_until(lambda: self.results[before:], f"the answer to frame {index}")[-1]

    def settled(self) -> None:
        """Waits until the worker has nothing more to do."""
        wait_until(self._is_idle, "the worker to be idle")

    def started(self, index: int = 0, target_id: str = "") -> str:
        """Hands in a picture and follows the square on it; the target's id."""
        self.answer(index)
        return self.start(index, target_id)

    def start(self, index: int, target_id: str = "") -> str:
        """Follows the square as it is on picture ``index``, on the newest frame."""
        started = self.session.start_target(square_box(index), target_id)
        assert started is not None
        self.settled()
        assert started.target_id in self.session.health().statuses
        return started.target_id

    def assert_tracks(self, index: int, target_id: str = "1") -> None:
        """The next good frame is tracked: the box is on the square."""
        assert_on_square(self.answer(index), index, target_id)

    def _is_idle(self) -> bool:
        health = self.session.health()
        counters = health.counters
        done = counters.processed + counters.total_dropped + counters.paused
        requests = self.session._shared.requests
        starts = requests or requests.in_progress
        return not starts and health.inference_s is None and done >= counters.received


def assert_on_square(answer: FrameResult, index: int, target_id: str = "1") -> None:
    (target,) = (target for target in answer.targets if target.target_id == target_id)
    assert target.result.status.name == "TRACKING", target.result.reason
    x, y = square_center(index)
    assert abs(target.result.box.x - x) < 6
    assert abs(target.result.box.y - y) < 6
    assert target.result.mask is not None
    assert target.result.mask.area_px > 1000
