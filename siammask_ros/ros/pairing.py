"""Pictures and the answers to them, put together by their stamp.

A picture is shown with its own answer or with none, never with that of another one. While answers
come, pictures that the tracker left out are not shown; while none come, every picture is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.outlines import contours
from siammask_ros.web.feed import Image, Shot, Target

# After a silence of this long, pictures do not wait for an answer any more.
QUIET_S = 0.5
# A tracker whose masks are not heard any more is drawn by its outlines.
MASKS_END_S = 1.0
MAX_WAITING = 16
MAX_WAITING_BYTES = 256 * 2**20
MAX_ANSWERS = 4
SHOWN = ("TRACKING", "UNCERTAIN")


class Pairing:
    """Takes pictures, tracks and masks in any order, from any thread; ``show`` gets the shots."""

    def __init__(self, show: Callable[[Shot], None], clock: Callable[[], float]) -> None:
        self._show = show
        self._clock = clock
        self._lock = threading.Lock()
        self._pictures: OrderedDict[int, Image] = OrderedDict()
        self._answers: OrderedDict[int, tuple[Target, ...]] = OrderedDict()
        self._masks: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._answer_s = self._mask_s = -np.inf

    def picture(self, stamp_ns: int, image: Image) -> None:
        """A camera's picture. One without a stamp cannot be answered, and is shown at once."""
        with self._lock:
            waits = bool(stamp_ns) and self._clock() - self._answer_s < QUIET_S
            if waits or stamp_ns in self._answers:
                self._pictures[stamp_ns] = image
                self._forget_oldest()
        if stamp_ns in self._answers:
            self._pair(stamp_ns)
        elif not waits:
            self._show(Shot(image, stamp_ns))

    def tracks(self, stamp_ns: int, targets: Sequence[Target]) -> None:
        """What the tracker says of the picture of this stamp."""
        with self._lock:
            late = [stamp for stamp in self._answers if stamp != stamp_ns]
            self._answer_s = self._clock()
            self._answers[stamp_ns] = tuple(targets)
            while len(self._answers) > MAX_ANSWERS:
                self._answers.popitem(last=False)
        for stamp in late[-1:]:
            self._pair(stamp, without_mask=True)
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

    def _pair(self, stamp_ns: int, without_mask: bool = False) -> None:
        with self._lock:
            needs_mask = self._clock() - self._mask_s < MASKS_END_S and not without_mask
            targets = self._answers.get(stamp_ns)
            image = self._pictures.get(stamp_ns)
            if targets is None or image is None:
                return
            if needs_mask and targets and stamp_ns not in self._masks:
                return
            del self._answers[stamp_ns]
            labels = self._masks.pop(stamp_ns, None)
            # It is the newest that is shown: those that came before it were left out.
            while self._pictures.popitem(last=False)[0] != stamp_ns:
                pass
        if labels is not None and labels.shape == image.shape[:2]:
            targets = tuple(_masked(each, labels, k) for k, each in enumerate(targets, 1))
        self._show(Shot(image, stamp_ns, targets))

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
