"""An engine without a network: finds the template's colour, and fails where a script says so.

It stands behind the same protocol as the real ones, so everything above it runs as it is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.engines.base import EngineInfo, Masks, Response, SelectionParams
from siammask_ros.errors import EngineError, EngineLostError, EngineMemoryError
from siammask_ros.geometry.anchors import anchor_grid
from siammask_ros.model.variants import get_variant

COLOUR_TOLERANCE = 60.0
MIN_SEEN_PX = 20
_FAILURES = {"raise": EngineError, "memory": EngineMemoryError, "lost": EngineLostError}


class FakeEngine:
    """Follows a patch of one colour.

    ``script`` holds what the next searches do: "ok", "nan" (the first item's scores), "raise",
    "memory" (there is too little of it), "lost" (a device that is gone), "hang" (until
    ``released`` is set); after its end all are "ok". ``delay_s`` is the time a search takes,
    ``freed`` how often memory was given back. Once it is abandoned every call raises.
    """

    def __init__(self, script: Iterable[str] = (), delay_s: float = 0.0) -> None:
        self.variant = get_variant("lite")
        self.info = EngineInfo("fake", "cpu", "fp32", "none", "0" * 64)
        self.script = deque(script)
        self.delay_s = delay_s
        self.released = threading.Event()
        self.batches: list[int] = []
        self.freed = 0
        self.is_abandoned = False
        self.sides_px: list[list[int]] = []

    def template(self, crops: NDArray[np.uint8]) -> list[Any]:
        self._check_in_use()
        middle = self.variant.template_size // 2
        part = crops[:, middle - 8 : middle + 9, middle - 8 : middle + 9].astype(np.float64)
        return list(np.median(part, axis=(1, 2)))

    def search(
        self,
        templates: Sequence[Any],
        crops: Sequence[NDArray[np.uint8]],
        params: SelectionParams | None = None,
    ) -> Response:
        self._check_in_use()
        assert len(templates) == len(crops)
        self.batches.append(len(crops))
        self.sides_px.append([len(crop) for crop in crops])
        action = self.script.popleft() if self.script else "ok"
        if action in _FAILURES:
            raise _FAILURES[action]("scripted failure; expected by the test")
        if action == "hang":
            self.released.wait(60)
        time.sleep(self.delay_s)
        found = [self._found(colour, crop) for colour, crop in zip(templates, crops, strict=True)]
        score = [self._scores(match).astype(np.float32) for match in found]
        box = [self._boxes(match).astype(np.float32) for match in found]
        if action == "nan":
            score[0][:] = np.nan
        return Response(score, box, found)

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        self._check_in_use()
        size, step = self.variant.mask_size, self.variant.stride
        masks = np.zeros((len(rows), size, size), np.float32)
        for mask, match, row, column in zip(masks, response.maps, rows, columns, strict=True):
            padded = np.pad(match, size)
            top, left = ((int(cell) - self.variant.base_size // 2) * step for cell in (row, column))
            mask[:] = padded[size + top : 2 * size + top, size + left : 2 * size + left]
        seen = np.count_nonzero(masks, axis=(1, 2)) >= MIN_SEEN_PX
        return Masks(masks, seen.astype(np.float32))

    def free_memory(self) -> None:
        self.freed += 1

    def abandon(self) -> None:
        self.is_abandoned = True

    def _check_in_use(self) -> None:
        if self.is_abandoned:
            raise EngineError("this fake engine was abandoned; open another")

    def _found(self, colour: NDArray[Any], crop: NDArray[np.uint8]) -> NDArray[np.bool_]:
        distance = np.abs(crop.astype(np.float64) - colour).sum(axis=2)
        return distance < COLOUR_TOLERANCE

    def _box(self, match: NDArray[np.bool_]) -> tuple[float, float, float, float]:
        """Centre from the crop's middle, and size."""
        rows, columns = np.nonzero(match)
        middle = len(match) / 2
        if len(rows) < MIN_SEEN_PX:
            return 0.0, 0.0, 64.0, 64.0
        width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
        x, y = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
        return float(x - middle), float(y - middle), float(width), float(height)

    def _scores(self, match: NDArray[np.bool_]) -> NDArray[np.float64]:
        x, y, _, _ = self._box(match)
        best = 0.95 if match.sum() >= 20 else 0.05
        centers, _ = self._anchors(match)
        away = (centers[0] - x) ** 2 + (centers[1] - y) ** 2
        scores = best * np.exp(-away / (2 * 24.0**2))
        return np.repeat(scores[None], self.variant.anchors, axis=0)

    def _boxes(self, match: NDArray[np.bool_]) -> NDArray[np.float64]:
        x, y, width, height = self._box(match)
        centers, sizes = self._anchors(match)
        box = np.empty((4, self.variant.anchors, *centers.shape[1:]))
        for anchor, (anchor_w, anchor_h) in enumerate(sizes):
            box[0, anchor] = (x - centers[0]) / anchor_w
            box[1, anchor] = (y - centers[1]) / anchor_h
            box[2, anchor] = np.log(width / anchor_w)
            box[3, anchor] = np.log(height / anchor_h)
        return box

    def _anchors(self, match: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Centres and sizes on the score map of a crop of this size."""
        variant = self.variant
        side = variant.with_search_size(len(match)).score_size
        return anchor_grid(variant.anchor_ratios, variant.anchor_scale, variant.stride, side)
