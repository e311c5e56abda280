"""Crops that share a batch, and whose the answers are."""

from __future__ import annotations

import numpy as np
import pytest
from support.engine_inputs import crops

from siammask_ros.engines.batches import Batches


@pytest.mark.parametrize(
    ("sides_px", "most", "numbers"),
    [
        pytest.param([], 2, (), id="no crops"),
        pytest.param([31], 2, ((0,),), id="one"),
        pytest.param([31, 31, 31], 2, ((0, 1), (2,)), id="more than fit"),
        pytest.param([31, 15, 31, 15], 4, ((0, 2), (1, 3)), id="of two sizes"),
        pytest.param([31, 15, 31, 31], 2, ((0, 2), (3,), (1,)), id="both"),
    ],
)
def test_crops_of_one_size_share_a_batch_and_get_their_own_answers(
    sides_px: list[int], most: int, numbers: tuple[tuple[int, ...], ...]
) -> None:
    batches = Batches.of([crops(1, side)[0] for side in sides_px], most)
    assert batches.numbers == numbers
    answers = [np.array(batch) * 10 for batch in numbers]
    assert batches.sort(answers) == [10 * number for number in range(len(sides_px))]
