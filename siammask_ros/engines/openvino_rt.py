"""The network in OpenVINO: the fastest engine on CPUs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.int8 import Int8Form
from siammask_ros.engines.parts import MaskPart, SearchPart
from siammask_ros.engines.requests import Arrays, RequestEngine
from siammask_ros.errors import EngineError
from siammask_ros.model.siammask import SiamMask

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}
RUNTIME = f"OpenVINO {ov.__version__}"


def has_native_bf16() -> bool:
    """Whether this CPU computes in bfloat16 itself; others would only imitate it, slowly."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoEngine(RequestEngine):
    """Runs search and masks in OpenVINO, templates (once a target) in PyTorch.

    Targets are separate requests and not one batch: on a CPU a batch takes no less time an item,
    and more where it leaves the caches.
    """

    def __init__(self, network: SiamMask, info: EngineInfo, threads: int) -> None:
        self.variant = network.variant
        self.info = info
        self._network = network
        is_int8 = info.precision == "int8"
        # What of an int8 network is not in int8 is in the best that the CPU has.
        precision = ("bf16" if has_native_bf16() else "fp32") if is_int8 else info.precision
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
            # A robot's other processes need the cores too: a pinned thread would wait for its own.
            "ENABLE_CPU_PINNING": False,
        }
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        search = _int8_model(info.sha256) if is_int8 else converted(SearchPart(network))
        self._search = _Requests(search, options)
        self._mask_part = MaskPart(network)
        self._masks = (
            _Requests(converted(self._mask_part), options) if self.variant.has_mask else None
        )


class _Requests:
    """A part of the network, for one item with all threads, or for several beside each other."""

    def __init__(self, model: ov.Model, options: dict[str, Any]) -> None:
        self._model = model
        self._options = options
        self._one = self._compiled("LATENCY")
        self._several: ov.AsyncInferQueue | None = None
        self._answers: dict[int, Arrays] = {}

    def __call__(self, items: Sequence[Arrays]) -> list[Arrays]:
        """The part's outputs for every item; raises EngineError."""
        try:
            if len(items) == 1:
                return [[*self._one(items[0]).values()]]
            return self._at_once(items)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on this frame: {error}") from error

    def _at_once(self, items: Sequence[Arrays]) -> list[Arrays]:
        if self._several is None:
            self._several = ov.AsyncInferQueue(self._compiled("THROUGHPUT"))
            self._several.set_callback(self._on_answer)
        self._answers.clear()
        try:
            for number, item in enumerate(items):
                self._several.start_async(item, number)
        finally:
            self._several.wait_all()
        return [self._answers.pop(number) for number in range(len(items))]

    def _on_answer(self, request: ov.InferRequest, number: int) -> None:
        # The request's own memory serves the next item.
        self._answers[number] = [np.array(tensor.data) for tensor in request.output_tensors]

    def _compiled(self, hint: str) -> ov.CompiledModel:
        options = {**self._options, "PERFORMANCE_HINT": hint}
        try:
            return ov.Core().compile_model(self._model, "CPU", options)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO could not compile the network: {error}") from error


def _int8_model(sha256: str) -> ov.Model:
    path = Int8Form.of(sha256).search_model(RUNTIME)
    try:
        return ov.Core().read_model(path)
    except RuntimeError as error:
        raise EngineError(f"OpenVINO could not read {path}: {error}") from error


def save(model: ov.Model, path: Path) -> None:
    """Writes a model to ``path`` (.xml), with its numbers in a .bin beside it."""
    ov.save_model(model, path, compress_to_fp16=False)


def converted(part: SearchPart | MaskPart) -> ov.Model:
    """The part as an OpenVINO model for one item: it is faster with fixed shapes."""
    example = part.example()
    with torch.inference_mode(), warnings.catch_warnings():
        # The sizes that tracing warns about are fixed in a tracker.
        warnings.simplefilter("ignore")
        shapes = [tuple(tensor.shape) for tensor in example]
        # Traced here because convert_model traces twice, to compare: half of a node's start.
        trace: Any = torch.jit.trace
        traced = trace(part.eval(), example, check_trace=False)
        return ov.convert_model(torch.jit.freeze(traced), example_input=example, input=shapes)
