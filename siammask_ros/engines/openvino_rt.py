"""The network in OpenVINO: the fastest engine on CPUs."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.compiled_models import CompiledModels, digest_of_part
from siammask_ros.engines.int8 import Int8Form
from siammask_ros.engines.parts import MaskPart, SearchPart
from siammask_ros.engines.requests import Arrays, RequestEngine
from siammask_ros.errors import EngineError
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
        part = SearchPart(network)
        if is_int8:
            path = Int8Form.found(info.sha256).search_model(RUNTIME)
            search = _Model.of_file(path, part.first_shape)
        else:
            search = _Model.of_part(part)
        mask = _Model.of_part(MaskPart(network)) if network.variant.has_mask else None
        super().__init__(
            network, info, _Requests(search, options), _Requests(mask, options) if mask else None
        )


@dataclass(frozen=True, slots=True)
class _Model:
    """A model that is loaded only where no compiled form of it was kept.

    ``shape`` is its first input's.
    """

    load: Callable[[], ov.Model]
    shape: tuple[int, ...]
    compiled: CompiledModels

    @classmethod
    def of_part(cls, part: SearchPart | MaskPart) -> _Model:
        compiled = CompiledModels(digest_of_part(part))
        return cls(cache(partial(converted, part)), part.first_shape, compiled)

    @classmethod
    def of_file(cls, path: Path, shape: tuple[int, ...]) -> _Model:
        """Raises EngineError where the file is none."""
        content = path.read_bytes() + path.with_suffix(".bin").read_bytes()
        compiled = CompiledModels(hashlib.sha256(content).hexdigest())
        return cls(cache(partial(_read, path)), shape, compiled)


class _Requests:
    """A part of the network, for one item with all threads, or for several beside each other.

    It is compiled for every shape of its first input that occurs, when it first does; alone and
    in the model's own shape at once.
    """

    def __init__(self, model: _Model, options: dict[str, Any]) -> None:
        self._model = model
        self._options = options
        self._one: dict[tuple[int, ...], ov.CompiledModel] = {}
        self._several: dict[tuple[int, ...], ov.AsyncInferQueue] = {}
        try:
            self._alone(model.shape)
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
            self._one[shape] = self._compiled(shape, "LATENCY")
        return self._one[shape]

    def _queue(self, shape: tuple[int, ...]) -> ov.AsyncInferQueue:
        if shape not in self._several:
            queue = ov.AsyncInferQueue(self._compiled(shape, "THROUGHPUT"))
            queue.set_callback(_store_answer)
            self._several[shape] = queue
        return self._several[shape]

    def _compiled(self, shape: tuple[int, ...], hint: str) -> ov.CompiledModel:
        """From the user's cache; compiled now, and kept there, the first time."""
        options = {**self._options, "PERFORMANCE_HINT": hint}
        form = f"{shape} {sorted(options.items())} {RUNTIME} {_processor()}"
        if (kept := self._model.compiled.kept(form)) is not None:
            try:
                return ov.Core().import_model(kept, "CPU", options)
            except RuntimeError as error:
                _LOG.warning("compiled anew, for OpenVINO does not take what was kept: %s", error)
        model = self._model.load().clone()
        first = model.inputs[0]
        if tuple(first.shape) != shape:
            model.reshape({first: shape})
        compiled = ov.Core().compile_model(model, "CPU", options)
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


def _processor() -> str:
    """What a compiled model depends on of the processor."""
    names = ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
    return str([ov.Core().get_property("CPU", name) for name in names])


def _read(path: Path) -> ov.Model:
    try:
        return ov.Core().read_model(path)
    except RuntimeError as error:
        raise EngineError(f"OpenVINO could not read {path}: {error}") from error


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
