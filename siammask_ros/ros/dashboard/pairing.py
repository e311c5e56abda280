"""Pictures and the answers to them, put together by their stamp.

A picture is shown with its own answer or with none, never with that of another one. While answers
come, pictures that the tracker left out are not shown; while none come, every picture is. Shots
never go back in time, and no answer is shown twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.outlines import contours
from siammask_ros.web.feed import Image, Shot, Target

# Pictures wait for an answer while the last one is no older than so many of the longest of the
# last intervals between answers: a network that takes a second is as good as one of 20 ms.
WAIT_INTERVALS = 3.0
MEASURED_INTERVALS = 5
MIN_WAIT_S, MAX_WAIT_S = 0.5, 10.0
# A tracker whose masks are not heard any more is drawn by its outlines.
MASKS_END_S = 1.0
# A slow tracker answers pictures that are seconds old.
MAX_WAITING = 512
MAX_WAITING_BYTES = 256 * 2**20
MAX_ANSWERS = 4
# A stamp that is further back than this begins a new stream; one within it comes too late.
NEW_STREAM_NS = 10**9
SHOWN = ("TRACKING", "UNCERTAIN")


class Pairing:
    """Takes pictures, tracks and masks in any order, from any thread; ``show`` gets the shots.

    ``show`` is called with the lock held, so that shots come in order: it must return at once.
    """

    def __init__(self, show: Callable[[Shot], None], clock: Callable[[], float]) -> None:
        self._show = show
        self._clock = clock
        self._lock = threading.Lock()
        self._pictures: OrderedDict[int, Image] = OrderedDict()
        self._answers: OrderedDict[int, tuple[Target, ...]] = OrderedDict()
        self._masks: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._intervals_s: deque[float] = deque(maxlen=MEASURED_INTERVALS)
        self._answer_s = self._mask_s = -np.inf
        self._shown_ns = 0

    def picture(self, stamp_ns: int, image: Image) -> None:
        """A camera's picture. One without a stamp cannot be answered, and is shown at once."""
        with self._lock:
            waits = bool(stamp_ns) and self._clock() - self._answer_s < self._wait_s
            if waits or stamp_ns in self._answers:
                self._pictures[stamp_ns] = image
                self._forget_oldest()
                self._pair(stamp_ns)
            elif not 0 < self._shown_ns - stamp_ns < NEW_STREAM_NS:
                # Those that still wait are older than what is on the screen from now on.
                self._pictures.clear()
                self._show_in_order(Shot(image, stamp_ns))

    def tracks(self, stamp_ns: int, targets: Sequence[Target]) -> None:
        """What the tracker says of the picture of this stamp."""
        with self._lock:
            self._measure()
            for late in [stamp for stamp in self._answers if stamp != stamp_ns][-1:]:
                self._pair(late, without_mask=True)
            self._answers[stamp_ns] = tuple(targets)
            while len(self._answers) > MAX_ANSWERS:
                self._answers.popitem(last=False)
            self._pair(stamp_ns)

    def mask(self, stamp_ns: int, labels: NDArray[np.uint8]) -> None:
        """The picture's mask (H, W): k on the k-th of its targets."""
        with self._lock:
            self._mask_s = self._clock()
            self._masks[stamp_ns] = labels
            while len(self._masks) > MAX_ANSWERS:
                self._masks.popitem(last=False)
            self._pair(stamp_ns)

    def clear(self) -> None:
        """Forgets all pictures: nobody looks."""
        with self._lock:
            self._pictures.clear()
            self._answers.clear()
            self._masks.clear()

    @property
    def _wait_s(self) -> float:
        """For how long after an answer pictures wait for the next one."""
        longest_s = max(self._intervals_s, default=0.0)
        return min(max(WAIT_INTERVALS * longest_s, MIN_WAIT_S), MAX_WAIT_S)

    def _measure(self) -> None:
        """Notes that an answer has come now; a silence is no interval."""
        now_s = self._clock()
        if now_s - self._answer_s < MAX_WAIT_S:
            self._intervals_s.append(now_s - self._answer_s)
        self._answer_s = now_s

    def _pair(self, stamp_ns: int, without_mask: bool = False) -> None:
        """Shows the picture of this stamp where its answer, and its mask if any, are there."""
        targets = self._answers.get(stamp_ns)
        image = self._pictures.get(stamp_ns)
        if targets is None or image is None:
            return
        has_masks = self._clock() - self._mask_s < max(MASKS_END_S, self._wait_s)
        if has_masks and targets and not without_mask and stamp_ns not in self._masks:
            return
        del self._answers[stamp_ns]
        labels = self._masks.pop(stamp_ns, None)
        # It is the newest that is shown: those that came before it were left out.
        while self._pictures.popitem(last=False)[0] != stamp_ns:
            pass
        if 0 <= self._shown_ns - stamp_ns < NEW_STREAM_NS:
            return
        if labels is not None and labels.shape == image.shape[:2]:
            targets = tuple(_masked(each, labels, k) for k, each in enumerate(targets, 1))
        self._show_in_order(Shot(image, stamp_ns, targets))

    def _show_in_order(self, shot: Shot) -> None:
        self._shown_ns = shot.stamp_ns
        self._show(shot)

    def _forget_oldest(self) -> None:
        image = next(reversed(self._pictures.values()))
        most = min(MAX_WAITING, max(MAX_WAITING_BYTES // image.nbytes, 1))
        while len(self._pictures) > most:
            self._pictures.popitem(last=False)


def _masked(target: Target, labels: NDArray[np.uint8], number: int) -> Target:
    """The target with the borders of its mask, all parts and holes, instead of an outline."""
    if target.state not in SHOWN:
        return target
    mask = np.asarray(labels == number, np.uint8)
    return replace(target, contours=contours(mask))
