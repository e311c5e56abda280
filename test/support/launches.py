"""Counts what a frame launches on a GPU: on ``meta``, where tensors have shapes but no numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from siammask_ros.engines import fused_layers
from siammask_ros.engines.frame import frame_query_width
from siammask_ros.engines.fusion import build_frame, fuse
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import Variant

META = torch.device("meta")
# They give another view of the same memory, or memory that nothing is written to.
_NO_LAUNCH = frozenset(
    (
        *("view", "_unsafe_view", "permute", "expand", "unbind", "slice", "select", "unsqueeze"),
        *("reshape", "t", "transpose", "alias", "detach", "split", "squeeze", "as_strided"),
        *("_reshape_alias", "unflatten", "empty", "new_empty", "promote_types", "split_with_sizes"),
    )
)


class Launches(TorchDispatchMode):
    """Collects the operators that start a kernel; ``dtypes`` are those of what they touch."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.dtypes: Counter[torch.dtype] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func._schema.name.split("::")[1]
        if name == "convolution":
            # CuDNN keeps the input's layout; on ``meta`` it is lost.
            out = out.contiguous(memory_format=_layout(args[0]))
        if name not in _NO_LAUNCH:
            self.names[name] += 1
            # An ordinary convolution adds its bias by a kernel of its own.
            if name == "convolution" and args[2] is not None:
                self.names["bias"] += 1
            # So do products of a single row; what is added in the shape of the result is copied.
            if name == "addmm" and (len(args[1]) == 1 or args[0].dim() == 2):
                self.names["bias"] += 1
            # Padding fills, and then copies.
            if name == "constant_pad_nd":
                self.names["fill"] += 1
            leaves = torch.utils._pytree.tree_leaves((args, kwargs, out))
            for dtype in {leaf.dtype for leaf in leaves if isinstance(leaf, Tensor)}:
                self.dtypes[dtype] += 1
        return out


@contextmanager
def fused_operators() -> Iterator[None]:
    """CuDNN's fused operators on ``meta``; PyTorch has them for CUDA only."""
    library = torch.library.Library("aten", "IMPL", "Meta")

    def relu(x: Tensor, weight: Tensor, bias: Tensor | None, *shape: Any) -> Tensor:
        stride, padding, dilation, groups = shape
        return x.new_empty(
            torch.nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups).shape
        ).contiguous(memory_format=_layout(x))

    def add_relu(
        x: Tensor, weight: Tensor, added: Tensor, alpha: Any, bias: Tensor | None, *shape: Any
    ) -> Tensor:
        out = relu(x, weight, bias, *shape)
        assert out.shape == added.shape
        return out

    library.impl("cudnn_convolution_relu", relu)
    library.impl("cudnn_convolution_add_relu", add_relu)
    had_cudnn = fused_layers.has_cudnn
    fused_layers.has_cudnn = lambda x: True
    try:
        yield
    finally:
        fused_layers.has_cudnn = had_cudnn
        library._destroy()


def launches_of(variant: Variant, items: int = 1, dtype: torch.dtype = torch.half) -> Launches:
    """What a frame of the compiled engine launches in half precision."""
    layout = torch.contiguous_format if dtype == torch.float32 else torch.channels_last
    frame = build_frame(SiamMask(variant), torch.device("cpu"), dtype, layout)
    fuse(frame)
    frame.to(META)
    template, crops = (
        torch.zeros(items, side, side, 3, dtype=torch.uint8, device=META)
        for side in (variant.template_size, variant.search_size)
    )
    queries = torch.zeros(items, frame_query_width(variant), device=META)
    with fused_operators(), torch.no_grad():
        # As a program holds them.
        kernels = [kernel.contiguous() for kernel in frame.template(template)]
        with Launches() as launches:
            frame(crops, queries, *kernels)
    return launches


def _layout(x: Tensor) -> torch.memory_format:
    is_last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if is_last else torch.contiguous_format
