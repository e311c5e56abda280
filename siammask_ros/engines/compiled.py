"""The network compiled: for CUDA as one graph a frame, the fastest engine on GPUs."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Sequence
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
from siammask_ros.engines.frame import Answer, make_cell_queries, make_queries, unpack
from siammask_ros.engines.fusion import build_frame
from siammask_ros.engines.half_precision import DTYPES
from siammask_ros.engines.on_device import free_device_memory, use_device
from siammask_ros.engines.program import CudaProgram, Program
from siammask_ros.errors import EngineError
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import Variant

# Numbers of targets that something is compiled for; others are filled up, or go in pieces.
SIZES = (1, 2, 4, 8, 16)

# Makes the queries of some crops, by their numbers, for the network on crops of their size.
_QueryMaker = Callable[[Variant, Sequence[int]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class _Searched:
    """A frame's inputs and its answer: the mask of any other cell can be computed from them."""

    templates: Sequence[Template]
    crops: Sequence[Crop]
    answer: Answer


class CompiledEngine(NetworkEngine):
    """Runs search, selection of the cell and mask in one go, without waiting for the tracker.

    The mask is computed for the cell that the tracker will probably choose. If it chooses another
    one, the frame is computed again for that target.
    """

    def __init__(self, network: SiamMask, device: torch.device, info: EngineInfo) -> None:
        super().__init__(network.variant, info)
        self._device = device
        self.frame = build_frame(network, device, DTYPES[info.precision])
        self._pool: Any = None
        self._programs: dict[tuple[int, int], Program] = {}

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``."""
        self.check_in_use()
        with use_device(self._device):
            kernels = self.frame.template(torch.from_numpy(crops).to(self._device))
            return [[kernel[i].clone() for kernel in kernels] for i in range(len(crops))]

    def search(
        self,
        templates: Sequence[Template],
        crops: Sequence[Crop],
        params: SelectionParams | None = None,
    ) -> Response:
        """See ``Engine.search``."""
        self.check_in_use()

        def make(variant: Variant, numbers: Sequence[int]) -> NDArray[np.float32]:
            chosen = None if params is None else params.at(numbers)
            return make_queries(variant, len(numbers), chosen)

        answer = self._answer(templates, crops, make)
        searched = _Searched(tuple(templates), tuple(crops), answer)
        return Response(answer.score, answer.box, searched)

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        """See ``Engine.refine``."""
        self.check_in_use()
        if not self.variant.has_mask:
            raise EngineError(f"model {self.variant.name} gives no masks")
        searched: _Searched = response.maps
        cells = np.stack([rows, columns], axis=1)
        masks = searched.answer.masks
        others = np.flatnonzero((cells != searched.answer.cells).any(axis=1)).tolist()
        if not others:
            return masks
        # The frame is computed again only for targets for which another cell had been selected.
        again = self._answer(
            [searched.templates[n] for n in others],
            [searched.crops[n] for n in others],
            lambda variant, numbers: make_cell_queries(variant, cells[others][[*numbers]]),
        ).masks
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
        self, templates: Sequence[Template], crops: Sequence[Crop], make: _QueryMaker
    ) -> Answer:
        batches = Batches.of(crops, SIZES[-1])
        with use_device(self._device):
            answers = [
                self._answer_batch(
                    [templates[n] for n in numbers],
                    [crops[n] for n in numbers],
                    make(self.variant.with_search_size(len(crops[numbers[0]])), numbers),
                )
                for numbers in batches.numbers
            ]
        values = batches.stack(answer.masks.values for answer in answers)
        quality = [q for answer in answers if (q := answer.masks.quality) is not None]
        return Answer(
            batches.sort(answer.score for answer in answers),
            batches.sort(answer.box for answer in answers),
            batches.stack(answer.cells for answer in answers),
            Masks(values, batches.stack(quality) if quality else None),
        )

    def _answer_batch(
        self, templates: Sequence[Template], crops: Sequence[Crop], queries: NDArray[np.float32]
    ) -> Answer:
        side_px = len(crops[0])
        program = self.program(len(crops), side_px, templates[0])
        packed = program(templates, crops, queries)
        return unpack(packed, self.variant.with_search_size(side_px))


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


def _allow_compilations(count: int) -> None:
    """Lets torch.compile make so many forms of one function; beyond its limit it gives up."""
    config: Any = importlib.import_module("torch._dynamo.config")
    # Its name until PyTorch 2.6.
    name = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"
    setattr(config, name, max(getattr(config, name), count))
