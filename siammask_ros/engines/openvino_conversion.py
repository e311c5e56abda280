"""Parts of the network as OpenVINO models: what PyTorch is needed for, once for given weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import openvino as ov
import torch

from siammask_ros.engines.parts import Part, SearchPart


def convert(part: Part) -> ov.Model:
    """The part as an OpenVINO model for one item, its shapes fixed: so it is faster.

    A search part can be given crops of another size by ``reshape``.
    """
    example = part.example()
    with torch.inference_mode(), warnings.catch_warnings():
        # The sizes that tracing warns about are fixed in a tracker.
        warnings.simplefilter("ignore")
        shapes: list[Any] = [tuple(tensor.shape) for tensor in example]
        open_shapes = [(1, -1, -1, 3), *shapes[1:]] if isinstance(part, SearchPart) else shapes
        # Traced here because convert_model traces twice, to compare: half of a node's start.
        trace: Any = torch.jit.trace
        traced = trace(part.eval(), example, check_trace=False)
        frozen = torch.jit.freeze(traced)
        # Converted with open sides: what would be computed from fixed ones becomes a constant.
        model = ov.convert_model(frozen, example_input=example, input=open_shapes)
    model.reshape(dict(zip(model.inputs, shapes, strict=True)))
    return model


def save(model: ov.Model, path: Path) -> None:
    """Writes a model to ``path`` (.xml), with its numbers in a .bin beside it."""
    ov.save_model(model, path, compress_to_fp16=False)
