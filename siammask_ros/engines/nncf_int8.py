"""Post-training quantisation of the search part, by NNCF, for OpenVINO."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import nncf
import torch

from siammask_ros.engines.base import Crops
from siammask_ros.engines.parts import SearchPart, keep_present
from siammask_ros.errors import EngineError
from siammask_ros.model.siammask import SiamMask


def quantise(network: SiamMask, pairs: Sequence[tuple[Crops, Crops]], path: Path) -> None:
    """Writes the search part in int8 to ``path`` (.xml, with a .bin beside it).

    ``pairs`` are template (h, w, 3) and search crops (H, W, 3) uint8 BGR of things as a tracker
    sees them: from them come the ranges of all activations. Template and masks stay as they are:
    the one runs once a target, the others are small. Raises EngineError where it cannot be done.
    """
    from siammask_ros.engines.openvino_conversion import convert, save

    logging.getLogger("nncf").setLevel(logging.ERROR)
    items = []
    for template, search in pairs:
        with torch.inference_mode():
            pixels = torch.from_numpy(template[None]).permute(0, 3, 1, 2).float()
            kernels = keep_present(network.template(pixels))
        items.append([search[None], *(kernel.numpy() for kernel in kernels)])
    try:
        quantised = nncf.quantize(
            convert(SearchPart(network)),
            nncf.Dataset(items),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(items),
        )
        save(quantised, path)
    except (RuntimeError, ValueError, nncf.errors.InternalError) as error:
        raise EngineError(f"NNCF could not quantise this network: {error}") from error
