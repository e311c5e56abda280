"""A whole frame as one function: as large as promised, and without a look at its own numbers."""

from __future__ import annotations

import pytest
import torch
from support.engine_inputs import LITE, NETWORKS

from siammask_ros.engines.frame import answer_width, frame_query_width
from siammask_ros.engines.fusion import build_frame
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
    frame = build_frame(SiamMask(variant), torch.device("cpu"), torch.half).to(META)
    templates, crops = (
        torch.zeros(2, side, side, 3, dtype=torch.uint8, device=META)
        for side in (variant.template_size, side)
    )
    seen_as = variant.with_search_size(side)
    queries = torch.zeros(2, frame_query_width(seen_as), device=META)
    answer = frame(crops, queries, *frame.template(templates))
    assert answer.shape == (2, answer_width(seen_as))
    assert (answer.device, answer.dtype) == (META, torch.float32)
