"""An engine that answers what a test says, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.engines.base import EngineInfo, Masks, Response, SelectionParams
from siammask_ros.model.variants import get_variant


@dataclass(frozen=True)
class Answer:
    """For one target: one anchor's score and raw box, its cell, and the mask there.

    All other anchors score 0 and are where they are. ``mask`` is a value for all pixels, or
    their array.
    """

    cell: tuple[int, int] = (12, 12)
    anchor: int = 2
    score: float = 1.0
    raw_box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    mask: float | NDArray[np.float32] = 0.9


class ScriptedEngine:
    """Gives the k-th target of a batch the k-th answer, in every frame."""

    def __init__(self, *answers: Answer, model: str = "resnet50") -> None:
        self.variant = get_variant(model)
        self.info = EngineInfo("scripted", "cpu", "fp32", "none", "0" * 64)
        self.answers = list(answers)
        self.template_crops: list[NDArray[np.uint8]] = []
        self.search_crops: list[NDArray[np.uint8]] = []
        self.cells: list[tuple[int, int]] = []

    def template(self, crops: NDArray[np.uint8]) -> list[Any]:
        self.template_crops.extend(crops)
        return list(range(len(crops)))

    def search(
        self,
        templates: Sequence[Any],
        crops: NDArray[np.uint8],
        params: SelectionParams | None = None,
    ) -> Response:
        self.search_crops.extend(crops)
        anchors, side = self.variant.anchors, self.variant.score_size
        score = np.zeros((len(crops), anchors, side, side), np.float32)
        box = np.zeros((len(crops), 4, anchors, side, side), np.float32)
        for item, answer in enumerate(self.answers[: len(crops)]):
            place = (answer.anchor, *answer.cell)
            score[item][place] = answer.score
            box[item][(slice(None), *place)] = answer.raw_box
        return Response(score, box, None)

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        assert self.variant.has_mask
        self.cells.extend(zip(rows.tolist(), columns.tolist(), strict=True))
        masks = np.zeros((len(rows), self.variant.mask_size, self.variant.mask_size), np.float32)
        for mask, answer in zip(masks, self.answers, strict=False):
            mask[:] = answer.mask
        return Masks(masks, None)

    def free_memory(self) -> None:
        pass

    def abandon(self) -> None:
        pass
