"""The network compiled: for CUDA as one graph a frame, the fastest engine on GPUs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siammask_ros.engines.base import (
    Aims,
    Crop,
    Crops,
    EngineInfo,
    Floats,
    Masks,
    NetworkEngine,
    Response,
    Template,
)
from siammask_ros.engines.batches import Batches
from siammask_ros.engines.frame import (
    Answer,
    FrameNetwork,
    answer_width,
    asks_of,
    asks_width,
    unpacked,
    with_cells,
)
from siammask_ros.engines.on_device import computing_on, exact_arithmetic, free_device_memory
from siammask_ros.engines.parts import used
from siammask_ros.errors import EngineError
from siammask_ros.model.fold import folded
from siammask_ros.model.siammask import SiamMask

# Numbers of targets that something is compiled for; others are filled up, or go in pieces.
SIZES = (1, 2, 4, 8, 16)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_WARM_UPS = 3


@dataclass(frozen=True, slots=True)
class _Asked:
    """A frame's question and its answer: whatever is asked next can be computed from them."""

    templates: Sequence[Template]
    crops: Sequence[Crop]
    asks: NDArray[np.float64]
    answer: Answer


class CompiledEngine(NetworkEngine):
    """Runs search, choice of the cell and mask in one go, without waiting for the tracker.

    With aims the mask is there before the tracker has chosen; a tracker that chooses another cell
    after all costs the frame once more.
    """

    def __init__(self, network: SiamMask, device: torch.device, info: EngineInfo) -> None:
        super().__init__(network.variant, info)
        self._device = device
        self._dtype = DTYPES[info.precision]
        self.network = folded(network).to(device, self._dtype)
        # Only its own buffer moves: the window stays in double, as the tracker's.
        self.frame = FrameNetwork(self.network).to(device)
        self._programs: dict[tuple[int, int], Program] = {}

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``."""
        self.check_in_use()
        with computing_on(self._device):
            pixels = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)
            kernels = used(self.network.template(pixels.to(self._dtype)))
            return [[kernel[i].clone() for kernel in kernels] for i in range(len(crops))]

    def search(
        self, templates: Sequence[Template], crops: Sequence[Crop], aims: Aims | None = None
    ) -> Response:
        """See ``Engine.search``."""
        self.check_in_use()
        asks = asks_of(self.variant, len(crops), aims)
        answer = self._answer(templates, crops, asks)
        asked = _Asked(tuple(templates), tuple(crops), asks, answer)
        return Response(answer.score, answer.box, asked)

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        """See ``Engine.refine``."""
        self.check_in_use()
        if not self.variant.has_mask:
            raise EngineError(f"model {self.variant.name} gives no masks")
        asked: _Asked = response.maps
        cells = np.stack([rows, columns], axis=1)
        if np.array_equal(cells, asked.answer.cells):
            return asked.answer.masks
        asks = with_cells(asked.asks, cells)
        return self._answer(asked.templates, asked.crops, asks).masks

    def free_memory(self) -> None:
        """See ``Engine.free_memory``; the programs stay."""
        free_device_memory(self._device)

    def program(self, items: int, side_px: int, template: Template) -> Program:
        """What runs up to so many crops of a size, made at its first use.

        ``template`` is an example of the kernels that it will get.
        """
        size = next(size for size in SIZES if size >= items)
        if (size, side_px) not in self._programs:
            make = CudaProgram if self._device.type == "cuda" else Program
            self._programs[size, side_px] = make(self.frame, template, size, side_px)
        return self._programs[size, side_px]

    def _answer(
        self, templates: Sequence[Template], crops: Sequence[Crop], asks: NDArray[np.float64]
    ) -> Answer:
        batches = Batches.of(crops, SIZES[-1])
        with computing_on(self._device):
            answers = [
                self._batch_answer(
                    [templates[n] for n in numbers], [crops[n] for n in numbers], asks[[*numbers]]
                )
                for numbers in batches.numbers
            ]
        values = batches.stacked(answer.masks.values for answer in answers)
        quality = [q for answer in answers if (q := answer.masks.quality) is not None]
        return Answer(
            batches.sorted(answer.score for answer in answers),
            batches.sorted(answer.box for answer in answers),
            batches.stacked(answer.cells for answer in answers),
            Masks(values, batches.stacked(quality) if quality else None),
        )

    def _batch_answer(
        self, templates: Sequence[Template], crops: Sequence[Crop], asks: NDArray[np.float64]
    ) -> Answer:
        side_px = len(crops[0])
        program = self.program(len(crops), side_px, templates[0])
        packed = program(templates, crops, asks)
        return unpacked(packed, self.variant.searching(side_px))


class Program:
    """A frame for a fixed number of items, in memory that stays where it is."""

    def __init__(self, frame: FrameNetwork, template: Template, items: int, side_px: int) -> None:
        variant = frame.network.variant.searching(side_px)
        self._frame = frame
        self._device = template[0].device
        self._crops = self._on_host(torch.uint8, items, side_px, side_px, 3)
        self._asks = self._on_host(torch.float64, items, asks_width(variant))
        self._answer = self._on_host(torch.float32, items, answer_width(variant))
        self._kernels = [kernel.new_zeros(items, *kernel.shape) for kernel in template]
        self._targets: list[Template | None] = [None] * items

    def __call__(
        self, templates: Sequence[Template], crops: Sequence[Crop], asks: NDArray[np.float64]
    ) -> Floats:
        """Packed answers of up to as many items as there is room for."""
        self._take(templates)
        items = len(templates)
        # Each is copied once, to where the device reads it.
        for place, crop in zip(self._crops.numpy(), crops, strict=False):
            place[:] = crop
        self._asks[:items].copy_(torch.from_numpy(asks))
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
        asks = self._asks.to(self._device, non_blocking=True)
        self._answer.copy_(self._frame(crops, asks, *self._kernels), non_blocking=True)

    def _on_host(self, dtype: torch.dtype, *shape: int) -> Tensor:
        # A GPU reads and writes pinned memory by itself, while the host goes on.
        return torch.zeros(shape, dtype=dtype, pin_memory=self._device.type == "cuda")


class CudaProgram(Program):
    """The frame as a CUDA graph, from the upload of the crops to the answers on the host."""

    def __init__(self, frame: FrameNetwork, template: Template, items: int, side_px: int) -> None:
        super().__init__(frame, template, items, side_px)
        self._graph = torch.cuda.CUDAGraph()
        # The algorithms that cuDNN finds to be the fastest stay in the graph.
        with torch.cuda.device(self._device), exact_arithmetic(find_fastest=True):
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UPS):
                    self._compute()
            aside.synchronize()
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._compute()

    def launch(self) -> None:
        """See ``Program.launch``; returns at once."""
        self._graph.replay()

    def wait(self) -> None:
        """See ``Program.wait``: the only wait of a frame."""
        torch.cuda.current_stream(self._device).synchronize()


def open_compiled(network: SiamMask, device: torch.device, info: EngineInfo) -> CompiledEngine:
    """The engine on this device; for a CPU its frame is compiled by torch.compile.

    Raises EngineError where a CPU's compiler is missing.
    """
    engine = CompiledEngine(network, device, info)
    if device.type == "cpu":
        compilers = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++"]
        if not any(map(shutil.which, compilers)):
            raise EngineError(
                "engine compiled needs a C++ compiler on a CPU, and there is no "
                f"{' or '.join(compilers)}; run: apt install g++, or take openvino"
            )
        engine.frame.compile(dynamic=False)
    return engine
