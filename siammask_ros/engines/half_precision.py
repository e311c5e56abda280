"""Whether a network may be computed in half precision: compared with single on the same device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from siammask_ros.engines.base import Crops, EngineInfo
from siammask_ros.engines.cuda_devices import half_precisions
from siammask_ros.engines.frame import Answer, make_queries, unpack
from siammask_ros.engines.fusion import build_frame
from siammask_ros.engines.on_device import use_device
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import Variant

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

# What half precision may change: score and mask are probabilities, box the head's raw values.
_MOST_SCORE, _MOST_BOX, _MEAN_MASK = 0.05, 0.2, 0.02
_IMAGES = 4
_BLOCK_PX = 16


def with_precision(network: SiamMask, device: torch.device, info: EngineInfo) -> EngineInfo:
    """What 'auto' takes on a GPU: the first half precision that agrees with single, or single."""
    if info.precision != "auto":
        return info
    reasons = [info.reason]
    for precision in half_precisions(info.device):
        refusal = disagreement(network, device, precision)
        if not refusal:
            reasons.append(f"{precision}: agrees with fp32 here")
            return replace(info, precision=precision, reason="; ".join(reasons))
        reasons.append(f"no {precision}: {refusal}")
    return replace(info, precision="fp32", reason="; ".join(reasons))


def disagreement(network: SiamMask, device: torch.device, precision: str) -> str:
    """What is too different from single precision, or empty; on made-up images."""
    exact, rough = (_answer(network, device, name) for name in ("fp32", precision))
    differences = {
        "score": (np.abs(np.subtract(exact.score, rough.score)).max(), _MOST_SCORE),
        "box": (np.abs(np.subtract(exact.box, rough.box)).max(), _MOST_BOX),
    }
    if network.variant.has_mask:
        mask = np.abs(exact.masks.values - rough.masks.values).mean()
        differences["mask"] = (mask, _MEAN_MASK)
    found = [
        f"{name} differs by {value:.3f}, more than {most}"
        for name, (value, most) in differences.items()
        # Negated: what is not finite differs, too.
        if not value <= most
    ]
    return ", ".join(found)


def _answer(network: SiamMask, device: torch.device, precision: str) -> Answer:
    variant = network.variant
    frame = build_frame(network, device, DTYPES[precision])
    searches = _images(variant)
    rim = (variant.search_size - variant.template_size) // 2
    middle = slice(rim, rim + variant.template_size)
    templates = np.ascontiguousarray(searches[:, middle, middle])
    with use_device(device):
        kernels = frame.template(torch.from_numpy(templates).to(device))
        queries = torch.from_numpy(make_queries(variant, len(searches), None)).to(device)
        packed = frame(torch.from_numpy(searches).to(device), queries, *kernels)
        return unpack(packed.cpu().numpy(), variant)


def _images(variant: Variant) -> Crops:
    """Search crops of blocks of colour, of black and of white."""
    side = variant.search_size
    blocks = side // _BLOCK_PX + 1
    coarse = np.random.default_rng(0).integers(0, 256, (_IMAGES, blocks, blocks, 3), np.uint8)
    coarse[-2:] = np.array([0, 255], np.uint8)[:, None, None, None]
    whole = coarse.repeat(_BLOCK_PX, axis=1).repeat(_BLOCK_PX, axis=2)
    return np.ascontiguousarray(whole[:, :side, :side])
