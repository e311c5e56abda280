"""Parts of the network as ONNX files: what PyTorch is needed for, once for given weights."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch

from siammask_ros.engines.parts import Part, SearchPart, TemplatePart

_OPSET = 17


def onnx_bytes(part: Part) -> bytes:
    """The part as an ONNX file for one item: the correlation's groups allow no open batch."""
    example = part.example()
    buffer: Any = io.BytesIO()
    with torch.inference_mode(), warnings.catch_warnings():
        # The sizes that tracing warns about are fixed in a tracker; the newer exporter would
        # need one more package.
        warnings.simplefilter("ignore")
        outputs = part.eval()(*example)
        inputs, results = _names(part, len(example), len(outputs))
        torch.onnx.export(
            part,
            example,
            buffer,
            input_names=inputs,
            output_names=results,
            opset_version=_OPSET,
            dynamo=False,
        )
    return bytes(buffer.getvalue())


def _names(part: Part, inputs: int, outputs: int) -> tuple[list[str], list[str]]:
    """Names of a part's inputs and outputs, of which a variant has the first so many."""
    kernels = ["score_kernel", "box_kernel", "mask_kernel", "keys", "values"]
    levels = [f"pyramid_{level}" for level in range(3)]
    if isinstance(part, TemplatePart):
        return ["template_crop"], kernels[:outputs]
    if isinstance(part, SearchPart):
        results = ["score", "box", "correlation", *levels]
        return ["search_crop", *kernels][:inputs], results[:outputs]
    windows = [f"window_{level}" for level in range(3)]
    return ["vector", *windows][:inputs], ["mask", "quality"][:outputs]
