"""The network in onnxruntime: for machines where it is the runtime at hand."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import onnxruntime as ort
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.parts import MaskPart, SearchPart, TemplatePart
from siammask_ros.engines.requests import Arrays, RequestEngine
from siammask_ros.errors import EngineError
from siammask_ros.model.siammask import SiamMask

_CUDA = "CUDAExecutionProvider"
_OPSET = 17
# Its exceptions have no common base of their own.
_FAILURES = (
    failures.Fail,
    failures.InvalidArgument,
    failures.RuntimeException,
    RuntimeError,
    ValueError,
)

Part = TemplatePart | SearchPart | MaskPart


def has_cuda() -> bool:
    """Whether the installed build of onnxruntime knows CUDA."""
    return _CUDA in ort.get_available_providers()


class OnnxEngine(RequestEngine):
    """Runs search and masks in onnxruntime, float32, one target a request."""

    def __init__(self, network: SiamMask, info: EngineInfo, threads: int) -> None:
        masks = MaskPart(network) if network.variant.has_mask else None
        super().__init__(
            network,
            info,
            _Searches(network, info.device, threads),
            _Session(masks, info.device, threads) if masks else None,
        )


class _Searches:
    """The search part: every crop by the session for its size, made when one first comes."""

    def __init__(self, network: SiamMask, device: str, threads: int) -> None:
        self._network = network
        self._device = device
        self._threads = threads
        self._sessions: dict[int, _Session] = {}
        self._session(network.variant.search_size)

    def __call__(self, items: Sequence[Arrays]) -> list[Arrays]:
        """The part's outputs for every item; raises EngineError."""
        return [self._session(item[0].shape[1])([item])[0] for item in items]

    def _session(self, size: int) -> _Session:
        if size not in self._sessions:
            part = SearchPart(self._network, size)
            self._sessions[size] = _Session(part, self._device, self._threads)
        return self._sessions[size]


class _Session:
    """A part of the network, ready to run one item after the other."""

    def __init__(self, part: SearchPart | MaskPart, device: str, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        cuda = torch.device(device).type == "cuda"
        index = torch.device(device).index or 0
        provider: Any = (_CUDA, {"device_id": index}) if cuda else "CPUExecutionProvider"
        try:
            self._session = ort.InferenceSession(onnx_bytes(part), options, providers=[provider])
        except _FAILURES as error:
            raise EngineError(f"onnxruntime could not take the network: {error}") from error
        # It falls back to the CPU by itself where CUDA's libraries are missing.
        if cuda and self._session.get_providers()[0] != _CUDA:
            raise EngineError(
                f"onnxruntime could not open {device}: CUDA or cuDNN does not fit this build; "
                "install what onnxruntime-gpu asks for, or take device cpu"
            )
        self._names = [each.name for each in self._session.get_inputs()]

    def __call__(self, items: Sequence[Arrays]) -> list[Arrays]:
        """The part's outputs for every item; raises EngineError."""
        try:
            return [
                self._session.run(None, dict(zip(self._names, item, strict=True))) for item in items
            ]
        except _FAILURES as error:
            raise EngineError(f"onnxruntime failed on this frame: {error}") from error


def onnx_bytes(part: Part) -> bytes:
    """The part as an ONNX file for one item: the correlation's groups allow no open batch."""
    example = part.example()
    buffer: Any = io.BytesIO()
    with torch.inference_mode(), warnings.catch_warnings():
        # The sizes that tracing warns about are fixed in a tracker; the newer exporter would
        # need one more package.
        warnings.simplefilter("ignore")
        outputs = part.eval()(*example)
        inputs, results = _names(part, len(example), len(outputs))
        torch.onnx.export(
            part,
            example,
            buffer,
            input_names=inputs,
            output_names=results,
            opset_version=_OPSET,
            dynamo=False,
        )
    return bytes(buffer.getvalue())


def _names(part: Part, inputs: int, outputs: int) -> tuple[list[str], list[str]]:
    """Names of a part's inputs and outputs, of which a variant has the first so many."""
    kernels = ["score_kernel", "box_kernel", "mask_kernel", "keys", "values"]
    levels = [f"pyramid_{level}" for level in range(3)]
    if isinstance(part, TemplatePart):
        return ["template_crop"], kernels[:outputs]
    if isinstance(part, SearchPart):
        results = ["score", "box", "correlation", *levels]
        return ["search_crop", *kernels][:inputs], results[:outputs]
    windows = [f"window_{level}" for level in range(3)]
    return ["vector", *windows][:inputs], ["mask", "quality"][:outputs]


def description(content: bytes) -> dict[str, list[dict[str, Any]]]:
    """Name, type and shape of what an ONNX file takes and gives."""
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    return {
        kind: [{"name": each.name, "type": each.type, "shape": each.shape} for each in ends]
        for kind, ends in (("inputs", session.get_inputs()), ("outputs", session.get_outputs()))
    }
