"""Matches images with tracks and masks by stamp.

An image is shown with its own tracks or with none, never with those of another image. While tracks
arrive, images without tracks are not shown; while none arrive, every image is. Frames are shown in
the order of their stamps, and tracks at most once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from siammask_ros.geometry.outlines import find_contours
from siammask_ros.media.drawing import VISIBLE_STATES, DrawnTarget
from siammask_ros.web.feed import AnnotatedFrame, Image

# An image waits for its tracks up to this many times the longest recent interval between tracks,
# so that a network that takes a second works as well as one that takes 20 ms.
WAIT_INTERVALS = 3.0
MEASURED_INTERVALS = 5
MIN_WAIT_S, MAX_WAIT_S = 0.5, 10.0
# Without a mask for this long, outlines are drawn instead.
MASKS_END_S = 1.0
# The tracks of a slow tracker arrive seconds after the image.
MAX_WAITING = 512
MAX_WAITING_BYTES = 256 * 2**20
MAX_ANSWERS = 4
# A stamp further back than this starts a new stream; a smaller step back is a late frame.
NEW_STREAM_NS = 10**9


class FrameMatcher:
    """Takes images, tracks and masks in any order, from any thread; ``show`` gets the frames.

    ``show`` is called with the lock held, to keep the order: it must return at once.
    """

    def __init__(self, show: Callable[[AnnotatedFrame], None], clock: Callable[[], float]) -> None:
        self._show = show
        self._clock = clock
        self._lock = threading.Lock()
        self._images: OrderedDict[int, Image] = OrderedDict()
        self._answers: OrderedDict[int, tuple[DrawnTarget, ...]] = OrderedDict()
        self._masks: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._intervals_s: deque[float] = deque(maxlen=MEASURED_INTERVALS)
        self._answer_s = self._mask_s = -np.inf
        self._shown_ns = 0

    def add_image(self, stamp_ns: int, image: Image) -> None:
        """Add an image. One without a stamp cannot be matched and is shown at once."""
        with self._lock:
            waits = bool(stamp_ns) and self._clock() - self._answer_s < self._wait_s
            if waits or stamp_ns in self._answers:
                self._images[stamp_ns] = image
                self._drop_oldest()
                self._match(stamp_ns)
            elif not 0 < self._shown_ns - stamp_ns < NEW_STREAM_NS:
                # Waiting images are older than this one.
                self._images.clear()
                self._deliver(AnnotatedFrame(image, stamp_ns))

    def add_tracks(self, stamp_ns: int, targets: Sequence[DrawnTarget]) -> None:
        """Add the tracks of the image with this stamp."""
        with self._lock:
            self._record_interval()
            for late in [stamp for stamp in self._answers if stamp != stamp_ns][-1:]:
                self._match(late, without_mask=True)
            self._answers[stamp_ns] = tuple(targets)
            while len(self._answers) > MAX_ANSWERS:
                self._answers.popitem(last=False)
            self._match(stamp_ns)

    def add_mask(self, stamp_ns: int, labels: NDArray[np.uint8]) -> None:
        """Add the label image (H, W): k on the k-th target."""
        with self._lock:
            self._mask_s = self._clock()
            self._masks[stamp_ns] = labels
            while len(self._masks) > MAX_ANSWERS:
                self._masks.popitem(last=False)
            self._match(stamp_ns)

    def clear(self) -> None:
        """Remove everything, because no page is open."""
        with self._lock:
            self._images.clear()
            self._answers.clear()
            self._masks.clear()

    @property
    def _wait_s(self) -> float:
        """For how long after the last tracks an image waits for its own."""
        longest_s = max(self._intervals_s, default=0.0)
        return min(max(WAIT_INTERVALS * longest_s, MIN_WAIT_S), MAX_WAIT_S)

    def _record_interval(self) -> None:
        """Record the time between tracks; a long silence does not count."""
        now_s = self._clock()
        if now_s - self._answer_s < MAX_WAIT_S:
            self._intervals_s.append(now_s - self._answer_s)
        self._answer_s = now_s

    def _match(self, stamp_ns: int, without_mask: bool = False) -> None:
        """Show the image of this stamp if its tracks, and its mask if any, have arrived."""
        targets = self._answers.get(stamp_ns)
        image = self._images.get(stamp_ns)
        if targets is None or image is None:
            return
        has_masks = self._clock() - self._mask_s < max(MASKS_END_S, self._wait_s)
        if has_masks and targets and not without_mask and stamp_ns not in self._masks:
            return
        del self._answers[stamp_ns]
        labels = self._masks.pop(stamp_ns, None)
        # Older waiting images were skipped by the tracker.
        while self._images.popitem(last=False)[0] != stamp_ns:
            pass
        if 0 <= self._shown_ns - stamp_ns < NEW_STREAM_NS:
            return
        if labels is not None and labels.shape == image.shape[:2]:
            targets = tuple(
                _add_mask_contours(each, labels, k) for k, each in enumerate(targets, 1)
            )
        self._deliver(AnnotatedFrame(image, stamp_ns, targets))

    def _deliver(self, frame: AnnotatedFrame) -> None:
        self._shown_ns = frame.stamp_ns
        self._show(frame)

    def _drop_oldest(self) -> None:
        image = next(reversed(self._images.values()))
        most = min(MAX_WAITING, max(MAX_WAITING_BYTES // image.nbytes, 1))
        while len(self._images) > most:
            self._images.popitem(last=False)


def _add_mask_contours(target: DrawnTarget, labels: NDArray[np.uint8], number: int) -> DrawnTarget:
    """Return the target with the contours of its mask instead of the outline."""
    if target.state not in VISIBLE_STATES:
        return target
    mask = np.asarray(labels == number, np.uint8)
    return replace(target, contours=find_contours(mask))
