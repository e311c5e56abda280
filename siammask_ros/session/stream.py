"""Frames in their order: which belong together, which come too late, which are still kept."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from siammask_ros.session.config import SessionConfig
from siammask_ros.session.frames import Frame

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A frame with its number in order of arrival and the number of its stream."""

    frame: Frame
    number: int
    stream: int


@dataclass(slots=True)
class Stream:
    """The frames of one camera until its size changes, its time jumps back or it was away.

    ``number`` counts the streams, ``broken_by`` says why the current one began anew.
    """

    number: int = 0
    broken_by: str = ""
    _size: tuple[int, int] | None = None
    _last_stamp_ns: int = 0
    _last_arrived_s: float = 0.0
    _said: set[str] = field(default_factory=set)

    def admits(self, frame: Frame, config: SessionConfig) -> bool:
        """Whether to take this frame; False where a later one has been taken already."""
        back_s = (self._last_stamp_ns - frame.stamp_ns) / 1e9 if frame.stamp_ns else 0.0
        away_s = self._seconds_away(frame)
        if self._size is not None and frame.size != self._size:
            height, width = frame.size
            self._begin(f"resolution changed to {width}×{height}")
        elif back_s > config.stamp_jump_s:
            self._begin(f"stamps jumped back by {back_s:.1f} s")
        elif away_s > config.gap_s:
            self._begin(f"no image for {away_s:.1f} s")
        elif back_s > 0:
            return False
        if not frame.stamp_ns:
            self._say_once("images come without a stamp: their age cannot be told")
        elif frame.stamp_ns == self._last_stamp_ns:
            self._say_once("images come with the same stamp as the one before")
        self._size = frame.size
        self._last_stamp_ns = frame.stamp_ns or self._last_stamp_ns
        self._last_arrived_s = frame.arrived_s
        return True

    def _seconds_away(self, frame: Frame) -> float:
        """How long nothing came and nothing was taken: a bag that paused has not been away."""
        if self._size is None:
            return 0.0
        silence_s = frame.arrived_s - self._last_arrived_s
        if frame.stamp_ns and self._last_stamp_ns:
            return min(silence_s, (frame.stamp_ns - self._last_stamp_ns) / 1e9)
        return silence_s

    def _begin(self, reason: str) -> None:
        self.number += 1
        self.broken_by = reason
        self._last_stamp_ns = 0
        _log.warning("new stream: %s", reason)

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            _log.warning(sentence)


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
