"""Order of frames: when a new stream begins, which frames are discarded, which are kept."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from siammask_ros.session.config import CONFIRMING_FRAMES, SessionConfig
from siammask_ros.session.frames import Frame

_log = logging.getLogger(__name__)

# Kind of a discarded frame whose size or stamp does not fit the stream.
INCONSISTENT = "inconsistent"

# The stamps of a live camera advance at most this much faster than its images arrive.
_USUAL_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A frame with its number in order of arrival and the number of its stream."""

    frame: Frame
    number: int
    stream: int


@dataclass(frozen=True, slots=True)
class DiscardReason:
    """Why a frame is not used: ``kind`` for the counters, ``reason`` as text."""

    kind: str
    reason: str


_OUT_OF_ORDER = DiscardReason("out of order", "a later image was already accepted")


@dataclass(frozen=True, slots=True)
class _FrameRecord:
    """Size and times of a frame; ``step_s`` is the time between its stamp and the previous one."""

    size: tuple[int, int]
    stamp_ns: int
    arrived_s: float
    step_s: float = 0.0

    @classmethod
    def of(cls, frame: Frame, before: _FrameRecord | None) -> _FrameRecord:
        """Return the record of a frame; without a stamp, the previous stamp remains valid."""
        if before is None:
            return cls(frame.size, frame.stamp_ns, frame.arrived_s)
        stamp_ns = frame.stamp_ns or before.stamp_ns
        return cls(frame.size, stamp_ns, frame.arrived_s, (stamp_ns - before.stamp_ns) / 1e9)


@dataclass(frozen=True, slots=True)
class _Mismatch:
    """Why a frame does not continue the stream, and whether this makes all targets LOST."""

    reason: str
    interrupts_targets: bool


@dataclass(slots=True)
class Stream:
    """Decides which frames belong to one continuous camera stream.

    A stream ends when the image size changes, the time jumps back or no image came for long. One
    frame that does not fit is discarded as faulty; ``CONFIRMING_FRAMES`` consecutive ones that fit
    each other are accepted. ``number`` counts the streams, ``start_reason`` says why the current
    one started.
    """

    number: int = 0
    start_reason: str = ""
    _last: _FrameRecord | None = None
    _unconfirmed: list[_FrameRecord] = field(default_factory=list)
    _mismatch: _Mismatch = _Mismatch("", False)
    _logged: set[str] = field(default_factory=set)

    def take(self, frame: Frame, config: SessionConfig) -> DiscardReason | None:
        """Accept a frame and return None, or return why it is discarded."""
        mismatch = _find_mismatch(frame, self._last, config)
        if mismatch is not None:
            return self._confirm(frame, mismatch, config)
        self._unconfirmed.clear()
        if _is_older(frame, self._last):
            return _OUT_OF_ORDER
        self._warn_about_stamp(frame)
        self._start_stream_after_gap(frame, config)
        self._last = _FrameRecord.of(frame, self._last)
        return None

    def _confirm(
        self, frame: Frame, mismatch: _Mismatch, config: SessionConfig
    ) -> DiscardReason | None:
        """Return None if enough frames confirm the change, or why this one is discarded."""
        unconfirmed = self._unconfirmed
        before = unconfirmed[-1] if unconfirmed else None
        difference = _find_mismatch(frame, before, config)
        if before is None or (difference is not None and difference.interrupts_targets):
            before, self._mismatch = None, mismatch
            unconfirmed.clear()
        elif _is_older(frame, before):
            return _OUT_OF_ORDER
        unconfirmed.append(_FrameRecord.of(frame, before))
        if len(unconfirmed) < CONFIRMING_FRAMES:
            return DiscardReason(
                INCONSISTENT,
                f"{self._mismatch.reason}; accepted after {CONFIRMING_FRAMES} such images in a row",
            )
        if self._mismatch.interrupts_targets:
            self._start_stream(self._mismatch.reason)
        else:
            _log.warning("%s", self._mismatch.reason)
            self._start_stream_after_gap(frame, config)
        self._last = unconfirmed[-1]
        unconfirmed.clear()
        return None

    def _start_stream_after_gap(self, frame: Frame, config: SessionConfig) -> None:
        gap_s = _compute_gap_s(frame, self._last)
        if gap_s > config.gap_s:
            self._start_stream(f"no image for {gap_s:.1f} s")

    def _start_stream(self, reason: str) -> None:
        self.number += 1
        self.start_reason = reason
        _log.warning("new stream, all targets are LOST until they get new boxes: %s", reason)

    def _warn_about_stamp(self, frame: Frame) -> None:
        if not frame.stamp_ns:
            self._warn_once("images have no stamp: their age is unknown; set header.stamp")
        elif self._last is not None and frame.stamp_ns == self._last.stamp_ns:
            self._warn_once("consecutive images have the same stamp; set header.stamp per image")

    def _warn_once(self, message: str) -> None:
        if message not in self._logged:
            self._logged.add(message)
            _log.warning(message)


def _find_mismatch(
    frame: Frame, last: _FrameRecord | None, config: SessionConfig
) -> _Mismatch | None:
    """Return why this frame cannot follow ``last`` in the same stream, or None."""
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
    # A recording may be played faster than recorded: then all its steps are long.
    usual_s = max(config.stamp_jump_s, _USUAL_STEP_S, 2 * last.step_s)
    if step_s - (frame.arrived_s - last.arrived_s) > usual_s:
        return _Mismatch(f"stamps jumped ahead by {step_s:.1f} s", False)
    return None


def _is_older(frame: Frame, last: _FrameRecord | None) -> bool:
    return last is not None and 0 < frame.stamp_ns < last.stamp_ns


def _compute_gap_s(frame: Frame, last: _FrameRecord | None) -> float:
    """Return how long the camera was silent, by arrival time and by stamp, whichever is shorter.

    A paused bag has a gap in arrival time only.
    """
    if last is None:
        return 0.0
    silence_s = frame.arrived_s - last.arrived_s
    if frame.stamp_ns and last.stamp_ns:
        return min(silence_s, (frame.stamp_ns - last.stamp_ns) / 1e9)
    return silence_s


@dataclass(slots=True)
class History:
    """The newest frames of the current stream, limited in time and memory."""

    _kept: deque[KeptFrame] = field(default_factory=deque)
    _bytes: int = 0

    def __iter__(self) -> Iterator[KeptFrame]:
        return iter(self._kept)

    @property
    def newest(self) -> KeptFrame | None:
        """The last frame, or None before the first."""
        return self._kept[-1] if self._kept else None

    def add(self, kept: KeptFrame, config: SessionConfig) -> None:
        """Add a frame and remove what exceeds the limits; the newest frame always stays."""
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

    def find(self, stamp_ns: int) -> KeptFrame | None:
        """Return the newest kept frame with this stamp, or None."""
        matching = (kept for kept in reversed(self._kept) if kept.frame.stamp_ns == stamp_ns)
        return next(matching, None)

    def select_between(self, after: int, until: int, max_count: int) -> list[KeptFrame]:
        """Return at most ``max_count`` evenly spaced frames numbered after + 1 to until."""
        inside = [kept for kept in self._kept if after < kept.number <= until]
        stride = -(-len(inside) // max_count) or 1
        return inside[::-1][::stride][::-1]
