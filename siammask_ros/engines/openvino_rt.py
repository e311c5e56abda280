"""The network in OpenVINO: the fastest engine on CPUs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.conversions import conversion_of, make_room
from siammask_ros.engines.int8 import Int8Form
from siammask_ros.engines.model_folder import ModelFolder
from siammask_ros.engines.parts import MaskPart, SearchPart
from siammask_ros.engines.requests import Arrays, RequestEngine
from siammask_ros.errors import ConfigError, EngineError
from siammask_ros.model.siammask import SiamMask

_LOG = logging.getLogger(__name__)

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}
# The release; builds of one are taken to be alike.
RUNTIME = "OpenVINO " + ov.__version__.partition("-")[0]


def has_native_bf16() -> bool:
    """Whether this CPU computes in bfloat16 itself; others would only imitate it, slowly."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoEngine(RequestEngine):
    """Runs search and masks in OpenVINO, templates (once a target) in PyTorch.

    Targets are separate requests and not one batch: on a CPU a batch takes no less time an item,
    and more where it leaves the caches.
    """

    def __init__(self, network: SiamMask, info: EngineInfo, threads: int) -> None:
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
        search = _int8_model(info.sha256) if is_int8 else _kept(SearchPart(network))
        masks = _kept(MaskPart(network)) if network.variant.has_mask else None
        super().__init__(
            network, info, _Requests(search, options), _Requests(masks, options) if masks else None
        )


class _Requests:
    """A part of the network, for one item with all threads, or for several beside each other.

    It is compiled for every shape of its first input that occurs, when it first does; alone and
    in the model's own shape at once.
    """

    def __init__(self, model: ov.Model, options: dict[str, Any]) -> None:
        self._model = model
        self._options = options
        self._one: dict[tuple[int, ...], ov.CompiledModel] = {}
        self._several: dict[tuple[int, ...], ov.AsyncInferQueue] = {}
        self._answers: dict[int, Arrays] = {}
        try:
            self._alone(tuple(model.inputs[0].shape))
        except RuntimeError as error:
            raise EngineError(f"OpenVINO could not compile the network: {error}") from error

    def __call__(self, items: Sequence[Arrays]) -> list[Arrays]:
        """The part's outputs for every item; raises EngineError."""
        try:
            if len(items) == 1:
                return [[*self._alone(items[0][0].shape)(items[0]).values()]]
            return self._at_once(items)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on this frame: {error}") from error

    def _at_once(self, items: Sequence[Arrays]) -> list[Arrays]:
        queues = [self._queue(item[0].shape) for item in items]
        self._answers.clear()
        try:
            for number, (queue, item) in enumerate(zip(queues, items, strict=True)):
                queue.start_async(item, number)
        finally:
            for queue in set(queues):
                queue.wait_all()
        return [self._answers.pop(number) for number in range(len(items))]

    def _on_answer(self, request: ov.InferRequest, number: int) -> None:
        # The request's own memory serves the next item.
        self._answers[number] = [np.array(tensor.data) for tensor in request.output_tensors]

    def _alone(self, shape: tuple[int, ...]) -> ov.CompiledModel:
        if shape not in self._one:
            self._one[shape] = self._compiled(shape, "LATENCY")
        return self._one[shape]

    def _queue(self, shape: tuple[int, ...]) -> ov.AsyncInferQueue:
        if shape not in self._several:
            queue = ov.AsyncInferQueue(self._compiled(shape, "THROUGHPUT"))
            queue.set_callback(self._on_answer)
            self._several[shape] = queue
        return self._several[shape]

    def _compiled(self, shape: tuple[int, ...], hint: str) -> ov.CompiledModel:
        model = self._model.clone()
        first = model.inputs[0]
        if tuple(first.shape) != shape:
            model.reshape({first: shape})
        return ov.Core().compile_model(model, "CPU", {**self._options, "PERFORMANCE_HINT": hint})


def _int8_model(sha256: str) -> ov.Model:
    path = Int8Form.found(sha256).search_model(RUNTIME)
    try:
        return ov.Core().read_model(path)
    except RuntimeError as error:
        raise EngineError(f"OpenVINO could not read {path}: {error}") from error


def _kept(part: SearchPart | MaskPart) -> ov.Model:
    """The converted part from the user's cache; converted now, and kept there, the first time."""
    try:
        place = conversion_of(part, RUNTIME)
    except ConfigError as error:
        _LOG.warning("the converted network is not kept: %s", error)
        return converted(part)
    model = _read(place)
    if model is None:
        model = converted(part)
        _keep(model, place)
    return model


def _read(place: ModelFolder) -> ov.Model | None:
    if not place.is_there:
        return None
    try:
        model = ov.Core().read_model(place.model())
    except (EngineError, RuntimeError) as error:
        _LOG.warning("the network is converted anew: %s", error)
        return None
    place.touch()
    return model


def _keep(model: ov.Model, place: ModelFolder) -> None:
    try:
        with place.new_model({"runtime": RUNTIME}) as path:
            save(model, path)
        make_room()
    except (ConfigError, OSError, RuntimeError) as error:
        _LOG.warning("the converted network is not kept: %s", error)


def save(model: ov.Model, path: Path) -> None:
    """Writes a model to ``path`` (.xml), with its numbers in a .bin beside it."""
    ov.save_model(model, path, compress_to_fp16=False)


def converted(part: SearchPart | MaskPart) -> ov.Model:
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
