"""The network in OpenVINO: the fastest engine on CPUs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.compiled_models import CompiledModels
from siammask_ros.engines.int8 import Int8Form
from siammask_ros.engines.network_source import NetworkSource
from siammask_ros.engines.requests import Arrays, PartName, RequestEngine
from siammask_ros.errors import EngineError

_LOG = logging.getLogger(__name__)

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}
# The release; builds of one are taken to be alike.
RUNTIME = "OpenVINO " + ov.__version__.partition("-")[0]


def has_native_bf16() -> bool:
    """Whether this CPU computes in bfloat16 itself; others would only imitate it, slowly."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoEngine(RequestEngine):
    """Runs templates, searches and masks in OpenVINO, each target a request of its own."""

    def __init__(self, source: NetworkSource, info: EngineInfo, threads: int) -> None:
        is_int8 = info.precision == "int8"
        # What of an int8 network is not in int8 is in the best that the CPU has.
        precision = ("bf16" if has_native_bf16() else "fp32") if is_int8 else info.precision
        if is_int8:
            search = _Model.of_file(Int8Form.find(info.sha256).search_model(RUNTIME))
        else:
            search = _Model.of_part("search", source)
        options = _options(precision, threads)
        masks = _Model.of_part("mask", source) if source.variant.has_mask else None
        super().__init__(
            source.variant,
            info,
            # Once a target: there is no time to be gained by less than single precision.
            _Requests(_Model.of_part("template", source), _options("fp32", threads)),
            _Requests(search, options),
            _Requests(masks, options) if masks else None,
        )


def _options(precision: str, threads: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        # A robot's other processes need the cores too: a pinned thread would wait for its own.
        "ENABLE_CPU_PINNING": False,
    }
    return {**options, "INFERENCE_NUM_THREADS": threads} if threads else options


@dataclass(frozen=True, slots=True)
class _Model:
    """A model that is loaded only where no compiled form of it was kept."""

    load: Callable[[], ov.Model]
    compiled: CompiledModels

    @classmethod
    def of_part(cls, name: PartName, source: NetworkSource) -> _Model:
        load = cache(partial(_convert, name, source))
        return cls(load, CompiledModels(f"{source.digest} {name}"))

    @classmethod
    def of_file(cls, path: Path) -> _Model:
        """Raises EngineError where the file is none."""
        content = path.read_bytes() + path.with_suffix(".bin").read_bytes()
        compiled = CompiledModels(hashlib.sha256(content).hexdigest())
        return cls(cache(partial(_read, path)), compiled)


class _Requests:
    """A part of the network, for one item with all threads, or for several beside each other.

    It is compiled for every shape of its first input that occurs, when it first does; alone and
    in the model's own shape at once.
    """

    def __init__(self, model: _Model, options: dict[str, Any]) -> None:
        self._model = model
        self._options = options
        self._several: dict[tuple[int, ...], ov.AsyncInferQueue] = {}
        try:
            own = self._compile(None, "LATENCY")
        except RuntimeError as error:
            raise EngineError(f"OpenVINO could not compile the network: {error}") from error
        self.input_shapes = [tuple(each.shape) for each in own.inputs]
        self._one = {self.input_shapes[0]: own}

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
        answers: dict[int, Arrays] = {}
        try:
            for number, (queue, item) in enumerate(zip(queues, items, strict=True)):
                queue.start_async(item, (answers, number))
        finally:
            for queue in set(queues):
                queue.wait_all()
        return [answers.pop(number) for number in range(len(items))]

    def _alone(self, shape: tuple[int, ...]) -> ov.CompiledModel:
        if shape not in self._one:
            self._one[shape] = self._compile(shape, "LATENCY")
        return self._one[shape]

    def _queue(self, shape: tuple[int, ...]) -> ov.AsyncInferQueue:
        if shape not in self._several:
            own_shape = shape == self.input_shapes[0]
            compiled = self._compile(None if own_shape else shape, "THROUGHPUT")
            queue = ov.AsyncInferQueue(compiled)
            queue.set_callback(_store_answer)
            self._several[shape] = queue
        return self._several[shape]

    def _compile(self, shape: tuple[int, ...] | None, hint: str) -> ov.CompiledModel:
        """From the user's cache; compiled now, and kept there, the first time.

        ``shape`` is the first input's; None leaves the model's own.
        """
        options = {**self._options, "PERFORMANCE_HINT": hint}
        form = f"{shape} {sorted(options.items())} {RUNTIME} {_processor()}"
        if (kept := self._model.compiled.find(form)) is not None:
            try:
                return _core().import_model(kept, "CPU", options)
            except RuntimeError as error:
                _LOG.warning("compiled again, because OpenVINO refused the cached model: %s", error)
        model = self._model.load()
        if shape is not None:
            model = model.clone()
            model.reshape({model.inputs[0]: shape})
        compiled = _core().compile_model(model, "CPU", options)
        self._model.compiled.keep(form, compiled.export_model().getvalue())
        return compiled


def _store_answer(request: ov.InferRequest, place: tuple[dict[int, Arrays], int]) -> None:
    """Copies a request's outputs to the place that it was started with.

    Holds nothing of its own: a queue keeps its callback alive where Python's collector does not
    look, so a callback that held the queue would never be freed.
    """
    answers, number = place
    # The request's own memory is used again for the next item.
    answers[number] = [np.array(tensor.data) for tensor in request.output_tensors]


@cache
def _core() -> ov.Core:
    """The runtime, with its plugins loaded once a process."""
    return ov.Core()


@cache
def _processor() -> str:
    """What a compiled model depends on of the processor."""
    names = ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
    return str([_core().get_property("CPU", name) for name in names])


def _convert(name: PartName, source: NetworkSource) -> ov.Model:
    """The part of the network, made by PyTorch."""
    from siammask_ros.engines.openvino_conversion import convert
    from siammask_ros.engines.parts import PARTS

    return convert(PARTS[name](source.load()))


def _read(path: Path) -> ov.Model:
    try:
        return _core().read_model(path)
    except RuntimeError as error:
        raise EngineError(f"OpenVINO could not read {path}: {error}") from error
