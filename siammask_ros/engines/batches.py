"""Which of a frame's crops are computed together, and whose the answers are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siammask_ros.engines.base import Crop


@dataclass(frozen=True, slots=True)
class Batches:
    """The numbers of a frame's crops, batch by batch."""

    numbers: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, crops: Sequence[Crop], most: int) -> Batches:
        """Batches of one size of crop each, and of up to ``most`` crops."""
        by_side: dict[int, list[int]] = {}
        for number, crop in enumerate(crops):
            by_side.setdefault(len(crop), []).append(number)
        return cls(
            tuple(
                tuple(numbers[first : first + most])
                for numbers in by_side.values()
                for first in range(0, len(numbers), most)
            )
        )

    def sort(self, answers: Iterable[Iterable[Any]]) -> list[Any]:
        """The crops' answers in the order of the crops, from those of each batch."""
        flat = [answer for batch in answers for answer in batch]
        order = np.argsort([number for batch in self.numbers for number in batch])
        return [flat[place] for place in order]

    def stack(self, answers: Iterable[Iterable[Any]]) -> NDArray[Any]:
        """The same as one array, each batch's answers being one already."""
        batches = [np.asarray(batch) for batch in answers]
        return batches[0] if len(batches) == 1 else np.stack(self.sort(batches))
