"""A whole frame as one function: as large as promised, and without a look at its own numbers."""

from __future__ import annotations

import pytest
import torch
from support.engine_inputs import LITE, NETWORKS

from siammask_ros.engines.frame import FrameNetwork, answer_width, asks_width
from siammask_ros.engines.parts import used
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import VARIANTS, Variant

ALL = {**VARIANTS, **NETWORKS}
META = torch.device("meta")


@pytest.mark.parametrize("side", [LITE.search_size, LITE.small_search_size])
@pytest.mark.parametrize("variant", ALL.values(), ids=ALL)
@torch.inference_mode()
def test_a_frame_needs_no_number_of_its_own_before_it_is_done(variant: Variant, side: int) -> None:
    """As a graph of a GPU demands: a tensor on ``meta`` has a shape and a device, but no numbers.

    Whoever asks for one, or mixes it with what is on the host, fails.
    """
    frame = FrameNetwork(SiamMask(variant).eval().half()).to(META)
    template = torch.zeros(2, 3, *[variant.template_size] * 2, dtype=torch.half, device=META)
    crops = torch.zeros(2, side, side, 3, dtype=torch.uint8, device=META)
    asks = torch.zeros(2, asks_width(variant), dtype=torch.float64, device=META)
    answer = frame(crops, asks, *used(frame.network.template(template)))
    assert answer.shape == (2, answer_width(variant.searching(side)))
    assert (answer.device, answer.dtype) == (META, torch.float32)
