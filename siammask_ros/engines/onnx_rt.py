"""The network in onnxruntime: for machines where it is the runtime at hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.compiled_models import CompiledModels
from siammask_ros.engines.network_source import NetworkSource
from siammask_ros.engines.requests import Arrays, PartName, RequestEngine
from siammask_ros.errors import ConfigError, EngineError
from siammask_ros.weights_cache.cache import cache_folder

_CUDA = "CUDAExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"
_OPENVINO = "OpenVINOExecutionProvider"
_CPU = "CPUExecutionProvider"
# What runs the network on each kind of device: the best first, the first that works is taken.
PROVIDERS = {"cuda": (_TENSORRT, _CUDA), "cpu": (_OPENVINO, _CPU)}
# Its exceptions have no common base of their own.
_FAILURES = (
    failures.Fail,
    failures.InvalidArgument,
    failures.RuntimeException,
    RuntimeError,
    ValueError,
)


def has_cuda() -> bool:
    """Whether the installed build of onnxruntime knows CUDA."""
    return _CUDA in ort.get_available_providers()


class OnnxEngine(RequestEngine):
    """Runs templates, searches and masks in onnxruntime, float32, one target a request."""

    def __init__(self, source: NetworkSource, info: EngineInfo, threads: int) -> None:
        has_mask = source.variant.has_mask
        template = _Session(onnx_file("template", source), info.device, threads)
        super().__init__(
            source.variant,
            replace(info, reason=f"{info.reason}; by onnxruntime's {template.provider}"),
            template,
            _Searches(source, info.device, threads),
            _Session(onnx_file("mask", source), info.device, threads) if has_mask else None,
        )


def onnx_file(name: PartName, source: NetworkSource, search_size: int | None = None) -> bytes:
    """A part of the network in ONNX: from the user's cache, or made by PyTorch and kept there."""
    models = CompiledModels(source.digest)
    form = f"onnx {name} {search_size or ''}"
    if (kept := models.find(form)) is not None:
        return kept
    from siammask_ros.engines.onnx_conversion import onnx_bytes
    from siammask_ros.engines.parts import PARTS, SearchPart

    network = source.load()
    part = SearchPart(network, search_size) if search_size else PARTS[name](network)
    content = onnx_bytes(part)
    models.keep(form, content)
    return content


class _Searches:
    """The search part: every crop by the session for its size, made when one first comes."""

    def __init__(self, source: NetworkSource, device: str, threads: int) -> None:
        self._source = source
        self._device = device
        self._threads = threads
        self._sessions: dict[int, _Session] = {}
        self.input_shapes = self._session(source.variant.search_size).input_shapes

    def __call__(self, items: Sequence[Arrays]) -> list[Arrays]:
        """The part's outputs for every item; raises EngineError."""
        return [self._session(item[0].shape[1])([item])[0] for item in items]

    def _session(self, size: int) -> _Session:
        if size not in self._sessions:
            content = onnx_file("search", self._source, size)
            self._sessions[size] = _Session(content, self._device, self._threads)
        return self._sessions[size]


class _Session:
    """A part of the network, ready to run one item after the other."""

    def __init__(self, content: bytes, device: str, threads: int) -> None:
        self._session = _open_session(content, device, threads)
        self.provider = self._session.get_providers()[0]
        inputs = self._session.get_inputs()
        self._names = [each.name for each in inputs]
        self.input_shapes: list[tuple[int, ...]] = [tuple(each.shape) for each in inputs]

    def __call__(self, items: Sequence[Arrays]) -> list[Arrays]:
        """The part's outputs for every item; raises EngineError."""
        try:
            return [
                self._session.run(None, dict(zip(self._names, item, strict=True))) for item in items
            ]
        except _FAILURES as error:
            raise EngineError(f"onnxruntime failed on this frame: {error}") from error


def _open_session(content: bytes, device: str, threads: int) -> ort.InferenceSession:
    """Open a part of the network with the best provider that works here; raises EngineError."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    for name, provider_options in _find_providers(device, threads):
        try:
            session = ort.InferenceSession(content, options, providers=[(name, provider_options)])
        except _FAILURES as error:
            raise EngineError(f"onnxruntime could not take the network: {error}") from error
        # It takes another one by itself where the libraries of this one are missing.
        if session.get_providers()[0] == name:
            return session
    raise EngineError(
        f"onnxruntime could not open {device}: CUDA or cuDNN does not fit this build; "
        "install what onnxruntime-gpu asks for, or take device cpu"
    )


def _find_providers(device: str, threads: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and options of each provider of this build for a device, the best first."""
    kind, _, index = device.partition(":")
    for name in PROVIDERS[kind]:
        if name in ort.get_available_providers():
            yield name, _provider_options(name, int(index or 0), threads)


def _provider_options(name: str, device_id: int, threads: int) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if name == _OPENVINO:
        # It would take bf16 where the CPU has it.
        options = {"device_type": "CPU", "precision": "FP32"}
        if threads:
            options["num_of_threads"] = str(threads)
    elif name in (_TENSORRT, _CUDA):
        options = {"device_id": device_id}
    if name == _TENSORRT:
        # To build an engine takes minutes.
        with contextlib.suppress(ConfigError):
            options["trt_engine_cache_path"] = str(cache_folder() / "tensorrt")
            options["trt_engine_cache_enable"] = True
    return options


def description(content: bytes) -> dict[str, list[dict[str, Any]]]:
    """Name, type and shape of what an ONNX file takes and gives."""
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    return {
        kind: [{"name": each.name, "type": each.type, "shape": each.shape} for each in ends]
        for kind, ends in (("inputs", session.get_inputs()), ("outputs", session.get_outputs()))
    }
