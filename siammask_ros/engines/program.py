"""A frame of a fixed number of crops of one size, ready to run: on a GPU as a CUDA graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siammask_ros.engines.base import Crop, Floats, Template
from siammask_ros.engines.frame import FrameNetwork, answer_width, frame_query_width
from siammask_ros.engines.on_device import exact_arithmetic
from siammask_ros.errors import EngineError

_WARM_UPS = 3


class Program:
    """A frame for a fixed number of items, in memory that stays where it is."""

    def __init__(self, frame: FrameNetwork, template: Template, items: int, side_px: int) -> None:
        variant = frame.network.variant.with_search_size(side_px)
        self._frame = frame
        self._device = template[0].device
        self._crops = self._on_host(torch.uint8, items, side_px, side_px, 3)
        self._queries = self._on_host(torch.float32, items, frame_query_width(variant))
        self._answer = self._on_host(torch.float32, items, answer_width(variant))
        self._kernels = [kernel.new_zeros(items, *kernel.shape) for kernel in template]
        self._targets: list[Template | None] = [None] * items

    def __call__(
        self, templates: Sequence[Template], crops: Sequence[Crop], queries: NDArray[np.float32]
    ) -> Floats:
        """Packed answers of up to as many items as there is room for."""
        self._take(templates)
        items = len(templates)
        # Each is copied once, to where the device reads it.
        for place, crop in zip(self._crops.numpy(), crops, strict=False):
            place[:] = crop
        self._queries.numpy()[:items] = queries
        self.launch()
        self.wait()
        packed: Floats = self._answer[:items].numpy().copy()
        return packed

    def launch(self) -> None:
        """Starts the computation of the answers."""
        self._compute()

    def wait(self) -> None:
        """Returns when the answers are there."""

    def _take(self, templates: Sequence[Template]) -> None:
        """Copies the kernels of targets that were not in their place in the last frame."""
        for place, template in enumerate(templates):
            if self._targets[place] is template:
                continue
            self._targets[place] = None
            for held, kernel in zip(self._kernels, template, strict=True):
                held[place].copy_(kernel)
            self._targets[place] = template

    def _compute(self) -> None:
        crops = self._crops.to(self._device, non_blocking=True)
        queries = self._queries.to(self._device, non_blocking=True)
        answer = self._frame(crops, queries, *self._kernels)
        self._answer.copy_(answer, non_blocking=True)

    def _on_host(self, dtype: torch.dtype, *shape: int) -> Tensor:
        # A GPU reads and writes pinned memory by itself, while the host goes on.
        return torch.zeros(shape, dtype=dtype, pin_memory=self._device.type == "cuda")


class CudaProgram(Program):
    """The frame as a CUDA graph, from the upload of the crops to the answers on the host."""

    def __init__(
        self, frame: FrameNetwork, template: Template, items: int, side_px: int, pool: Any
    ) -> None:
        super().__init__(frame, template, items, side_px)
        self._graph = torch.cuda.CUDAGraph()
        # Waiting for it lets the host's core go to others.
        self._done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        # The algorithms that cuDNN finds to be the fastest stay in the graph.
        with torch.cuda.device(self._device), exact_arithmetic(find_fastest=True):
            # By name: without one the capture would go to the first device that had a graph.
            aside = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UPS):
                    self._compute()
            aside.synchronize()
            with torch.cuda.graph(
                self._graph, pool=pool, stream=aside, capture_error_mode="thread_local"
            ):
                self._compute()
        self._check()

    def launch(self) -> None:
        """See ``Program.launch``; returns at once."""
        with torch.cuda.device(self._device):
            self._graph.replay()
            self._done.record()

    def wait(self) -> None:
        """See ``Program.wait``: the only wait of a frame."""
        self._done.synchronize()

    def _check(self) -> None:
        """Raises EngineError where the graph leaves what was in the place of its answer."""
        self._answer.fill_(torch.nan)
        self.launch()
        self.wait()
        if self._answer.isnan().all():
            raise EngineError(f"a frame that was captured on {self._device} gives no answer")
