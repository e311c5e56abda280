"""The network compiled: for CUDA as one graph a frame, the fastest engine on GPUs."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from siammask_ros.engines.base import (
    Crop,
    Crops,
    EngineInfo,
    Masks,
    NetworkEngine,
    Response,
    SelectionParams,
    Template,
)
from siammask_ros.engines.batches import Batches
from siammask_ros.engines.frame import (
    Answer,
    FrameNetwork,
    asks_of,
    unpacked,
    with_cells,
)
from siammask_ros.engines.fusion import can_fuse, fuse
from siammask_ros.engines.half_precision import DTYPES
from siammask_ros.engines.on_device import computing_on, free_device_memory
from siammask_ros.engines.parts import used
from siammask_ros.engines.program import CudaProgram, Program
from siammask_ros.errors import EngineError
from siammask_ros.model.fold import folded
from siammask_ros.model.siammask import SiamMask

# Numbers of targets that something is compiled for; others are filled up, or go in pieces.
SIZES = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A frame's question and its answer: whatever is asked next can be computed from them."""

    templates: Sequence[Template]
    crops: Sequence[Crop]
    asks: NDArray[np.float64]
    answer: Answer


class CompiledEngine(NetworkEngine):
    """Runs search, choice of the cell and mask in one go, without waiting for the tracker.

    With params the mask is there before the tracker has chosen; a tracker that chooses another cell
    after all costs the frame once more.
    """

    def __init__(self, network: SiamMask, device: torch.device, info: EngineInfo) -> None:
        super().__init__(network.variant, info)
        self._device = device
        self._dtype = DTYPES[info.precision]
        layout = _memory_format(device, self._dtype)
        self.network = folded(network).to(device, self._dtype)
        self.network.to(memory_format=layout)  # type: ignore[call-overload]
        if device.type == "cuda" and can_fuse(device, self._dtype):
            fuse(self.network, has_rows=layout == torch.channels_last)
        # Only its own buffer moves: the window stays in single precision.
        self.frame = FrameNetwork(self.network, layout).to(device)
        self._pool: Any = None
        self._programs: dict[tuple[int, int], Program] = {}

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``."""
        self.check_in_use()
        with computing_on(self._device):
            pixels = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)
            kernels = used(self.network.template(pixels.to(self._dtype)))
            return [[kernel[i].clone() for kernel in kernels] for i in range(len(crops))]

    def search(
        self,
        templates: Sequence[Template],
        crops: Sequence[Crop],
        params: SelectionParams | None = None,
    ) -> Response:
        """See ``Engine.search``."""
        self.check_in_use()
        asks = asks_of(self.variant, len(crops), params)
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
        masks = asked.answer.masks
        others = np.flatnonzero((cells != asked.answer.cells).any(axis=1)).tolist()
        if not others:
            return masks
        # Only for those whose cell was guessed wrong the frame is computed again.
        asks = with_cells(asked.asks, cells)[others]
        templates = [asked.templates[n] for n in others]
        again = self._answer(templates, [asked.crops[n] for n in others], asks).masks
        values = masks.values.copy()
        values[others] = again.values
        quality = None
        if masks.quality is not None and again.quality is not None:
            quality = masks.quality.copy()
            quality[others] = again.quality
        return Masks(values, quality)

    def free_memory(self) -> None:
        """See ``Engine.free_memory``; the programs stay."""
        free_device_memory(self._device)

    def program(self, items: int, side_px: int, template: Template) -> Program:
        """What runs up to so many crops of a size, made at its first use.

        ``template`` is an example of the kernels that it will get.
        """
        size = next(size for size in SIZES if size >= items)
        if (size, side_px) not in self._programs:
            self._programs[size, side_px] = self._new_program(size, side_px, template)
        return self._programs[size, side_px]

    def _new_program(self, size: int, side_px: int, template: Template) -> Program:
        if self._device.type != "cuda":
            return Program(self.frame, template, size, side_px)
        # One pool for all graphs: they run one after the other.
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        return CudaProgram(self.frame, template, size, side_px, self._pool)

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
        _allow_compilations(2 * len(SIZES))
        engine.frame.compile(dynamic=False)
    return engine


def _memory_format(device: torch.device, dtype: torch.dtype) -> torch.memory_format:
    """How activations lie in memory: on a GPU single precision is slower in channels_last."""
    is_single_on_gpu = device.type == "cuda" and dtype == torch.float32
    return torch.contiguous_format if is_single_on_gpu else torch.channels_last


def _allow_compilations(count: int) -> None:
    """Lets torch.compile make so many forms of one function; beyond its limit it gives up."""
    config: Any = importlib.import_module("torch._dynamo.config")
    # Its name until PyTorch 2.6.
    name = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"
    setattr(config, name, max(getattr(config, name), count))
