"""Frames in their order: which belong together, which come too late, which are still kept."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from siammask_ros.session.config import CONFIRMING_FRAMES, SessionConfig
from siammask_ros.session.frames import Frame

_log = logging.getLogger(__name__)

# Kind of a discarded frame that does not fit those before it.
INCONSISTENT = "inconsistent"

# A camera's stamps are at most so much further apart than its images arrive.
_USUAL_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A frame with its number in order of arrival and the number of its stream."""

    frame: Frame
    number: int
    stream: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """A frame that is not used: ``kind`` to count it by, ``reason`` as a sentence."""

    kind: str
    reason: str


_OUT_OF_ORDER = Discarded("out of order", "a later image has been taken already")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is remembered of a frame; ``step_s`` is the time between its stamp and the last."""

    size: tuple[int, int]
    stamp_ns: int
    arrived_s: float
    step_s: float = 0.0

    @classmethod
    def of(cls, frame: Frame, before: _Seen | None) -> _Seen:
        """What to remember of a frame; one without a stamp leaves the last stamp in force."""
        if before is None:
            return cls(frame.size, frame.stamp_ns, frame.arrived_s)
        stamp_ns = frame.stamp_ns or before.stamp_ns
        return cls(frame.size, stamp_ns, frame.arrived_s, (stamp_ns - before.stamp_ns) / 1e9)


@dataclass(frozen=True, slots=True)
class _Mismatch:
    """Why a frame does not follow another one, and whether targets are LOST if it is right."""

    reason: str
    loses_targets: bool


@dataclass(slots=True)
class Stream:
    """The frames of one camera until its size changes, its time jumps back or it was away.

    A single frame that does not follow the others is taken for faulty and discarded; only
    ``CONFIRMING_FRAMES`` in a row that follow each other are believed. ``number`` counts the
    streams, ``broken_by`` says why the current one began.
    """

    number: int = 0
    broken_by: str = ""
    _last: _Seen | None = None
    _doubted: list[_Seen] = field(default_factory=list)
    _mismatch: _Mismatch = _Mismatch("", False)
    _said: set[str] = field(default_factory=set)

    def take(self, frame: Frame, config: SessionConfig) -> Discarded | None:
        """Why not to use this frame, or None: then it is the stream's newest."""
        mismatch = _mismatch(frame, self._last, config)
        if mismatch is not None:
            return self._doubt(frame, mismatch, config)
        self._doubted.clear()
        if _is_before(frame, self._last):
            return _OUT_OF_ORDER
        self._remark(frame)
        self._begin_after_gap(frame, config)
        self._last = _Seen.of(frame, self._last)
        return None

    def _doubt(self, frame: Frame, mismatch: _Mismatch, config: SessionConfig) -> Discarded | None:
        """Why not to believe yet this frame that does not follow the last one, or None."""
        doubted = self._doubted
        before = doubted[-1] if doubted else None
        between = _mismatch(frame, before, config)
        if before is None or (between is not None and between.loses_targets):
            before, self._mismatch = None, mismatch
            doubted.clear()
        elif _is_before(frame, before):
            return _OUT_OF_ORDER
        doubted.append(_Seen.of(frame, before))
        if len(doubted) < CONFIRMING_FRAMES:
            return Discarded(
                INCONSISTENT,
                f"{self._mismatch.reason}; believed after {CONFIRMING_FRAMES} such images in a row",
            )
        if self._mismatch.loses_targets:
            self._begin(self._mismatch.reason)
        else:
            _log.warning("%s", self._mismatch.reason)
            self._begin_after_gap(frame, config)
        self._last = doubted[-1]
        doubted.clear()
        return None

    def _begin_after_gap(self, frame: Frame, config: SessionConfig) -> None:
        away_s = _seconds_away(frame, self._last)
        if away_s > config.gap_s:
            self._begin(f"no image for {away_s:.1f} s")

    def _begin(self, reason: str) -> None:
        self.number += 1
        self.broken_by = reason
        _log.warning("new stream: %s", reason)

    def _remark(self, frame: Frame) -> None:
        if not frame.stamp_ns:
            self._say_once("images come without a stamp: their age cannot be told")
        elif self._last is not None and frame.stamp_ns == self._last.stamp_ns:
            self._say_once("images come with the same stamp as the one before")

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            _log.warning(sentence)


def _mismatch(frame: Frame, last: _Seen | None, config: SessionConfig) -> _Mismatch | None:
    """Why this frame cannot be the one after ``last`` in the same stream, or None."""
    if last is None:
        return None
    if frame.size != last.size:
        height, width = frame.size
        return _Mismatch(f"resolution changed to {width}×{height}", True)
    if not frame.stamp_ns or not last.stamp_ns:
        return None
    step_s = (frame.stamp_ns - last.stamp_ns) / 1e9
    if -step_s > config.stamp_jump_s:
        return _Mismatch(f"stamps jumped back by {-step_s:.1f} s", True)
    # A recording may be played faster than it was made: then its steps are all that long.
    usual_s = max(config.stamp_jump_s, _USUAL_STEP_S, 2 * last.step_s)
    if step_s - (frame.arrived_s - last.arrived_s) > usual_s:
        return _Mismatch(f"stamps jumped ahead by {step_s:.1f} s", False)
    return None


def _is_before(frame: Frame, last: _Seen | None) -> bool:
    return last is not None and 0 < frame.stamp_ns < last.stamp_ns


def _seconds_away(frame: Frame, last: _Seen | None) -> float:
    """How long nothing came and nothing was taken: a bag that paused has not been away."""
    if last is None:
        return 0.0
    silence_s = frame.arrived_s - last.arrived_s
    if frame.stamp_ns and last.stamp_ns:
        return min(silence_s, (frame.stamp_ns - last.stamp_ns) / 1e9)
    return silence_s


@dataclass(slots=True)
class History:
    """The newest frames of the current stream, bounded in time and memory."""

    _kept: deque[KeptFrame] = field(default_factory=deque)
    _bytes: int = 0

    def __iter__(self) -> Iterator[KeptFrame]:
        return iter(self._kept)

    @property
    def newest(self) -> KeptFrame | None:
        """The last frame that arrived, or None before the first."""
        return self._kept[-1] if self._kept else None

    def add(self, kept: KeptFrame, config: SessionConfig) -> None:
        """Keeps one more and lets go of what is too old or too much; the newest always stays."""
        if self._kept and self._kept[-1].stream != kept.stream:
            self._kept.clear()
            self._bytes = 0
        self._kept.append(kept)
        self._bytes += kept.frame.image.nbytes
        oldest_s = kept.frame.arrived_s - config.history_s
        limit = config.history_mb << 20
        while len(self._kept) > 1 and (
            self._bytes > limit or self._kept[0].frame.arrived_s < oldest_s
        ):
            self._bytes -= self._kept.popleft().frame.image.nbytes

    def stamped(self, stamp_ns: int) -> KeptFrame | None:
        """The newest kept frame with this stamp, or None."""
        matching = (kept for kept in reversed(self._kept) if kept.frame.stamp_ns == stamp_ns)
        return next(matching, None)

    def between(self, after: int, until: int, most: int) -> list[KeptFrame]:
        """At most ``most`` frames numbered after + 1 to until, evenly spaced, the last included."""
        inside = [kept for kept in self._kept if after < kept.number <= until]
        stride = -(-len(inside) // most) or 1
        return inside[::-1][::stride][::-1]
