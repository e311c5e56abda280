"""Which engine runs the network: chosen by name, or by what the machine has."""

from __future__ import annotations

import importlib.util
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

from siammask_ros.engines.base import Engine, EngineInfo
from siammask_ros.engines.cuda_devices import find_device, half_precisions
from siammask_ros.engines.int8 import Int8Form
from siammask_ros.engines.network_source import NetworkSource
from siammask_ros.errors import ConfigError, EngineError
from siammask_ros.model.variants import VARIANTS
from siammask_ros.model.weights_file import read_weights_file, weights_path
from siammask_ros.settings import check, number, text
from siammask_ros.weights_cache.cache import locate_checkpoint

_LOG = logging.getLogger(__name__)

# What each engine can compute in.
_PRECISIONS = {
    "openvino": ("fp32", "bf16", "int8"),
    "compiled": ("fp16", "bf16", "fp32"),
    "eager": ("fp32",),
    "onnxruntime": ("fp32",),
}


# Models whose masks were measured to be as good in bf16 (docs/accuracy.md).
_AS_GOOD_IN_BF16 = frozenset({"lite"})


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Which network with which weights, and what runs it. Taken up when an engine is opened."""

    model: str = text("lite", "Network", tuple(VARIANTS))
    checkpoint: str = text(
        "", "File of weights, or davis, vot, vot_ld once fetched; empty takes those shipped"
    )
    expected_sha256: str = text("", "Refuse weights with another SHA-256; empty takes any")
    device: str = text("auto", "Where it runs: auto, cpu, cuda or cuda:N")
    engine: str = text("auto", "What runs it", ("auto", *_PRECISIONS))
    precision: str = text("auto", "Arithmetic", ("auto", "fp32", "bf16", "fp16", "int8"))
    threads: int = number(0, "CPU threads of the engine; 0 for all", 0, 1024)

    def __post_init__(self) -> None:
        check(self)
        if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", self.device):
            raise ConfigError(f"device is {self.device!r}; expected auto, cpu, cuda or cuda:N")


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What is opened for a config: an engine, told by ``info``, with the weights in a file."""

    weights_path: Path
    info: EngineInfo


def open_engine(config: EngineConfig) -> Engine:
    """An engine that is ready for its first frame.

    What 'auto' chose and why is logged and in ``engine.info``. PyTorch is imported only where it
    runs the network, or where something has to be made of the weights that is not in the cache.
    Raises as ``choose_engine`` does, CheckpointError for what is in the file of weights, and
    EngineError where the engine cannot take the network.
    """
    choice = choose_engine(config)
    path, info = choice.weights_path, choice.info
    if info.engine == "openvino":
        from siammask_ros.engines.openvino_rt import OpenVinoEngine

        source = NetworkSource.of(path, config.model, info)
        return OpenVinoEngine(source, info, config.threads)
    if info.engine == "onnxruntime":
        from siammask_ros.engines.onnx_rt import OnnxEngine

        return OnnxEngine(NetworkSource.of(path, config.model, info), info, config.threads)
    from siammask_ros.engines.torch_engines import open_torch_engine

    return open_torch_engine(path, config.model, info, config.threads)


def open_reference(config: EngineConfig) -> Engine:
    """The network as the authors run it, with these weights on this device.

    Raises as ``open_engine`` does.
    """
    from siammask_ros.engines.torch_engines import open_reference_engine

    choice = choose_engine(replace(config, engine="eager", precision="fp32"))
    return open_reference_engine(choice.weights_path, config.model, choice.info, config.threads)


def choose_engine(config: EngineConfig) -> EngineChoice:
    """What is to run which weights where.

    Raises CheckpointError where the file cannot be read or is not the expected one, EngineError
    where the device or the engine's library is missing: nothing is replaced by something slower
    in silence.
    """
    device, no_gpu = find_device(config.device)
    name, reason = _engine_name(config.engine, device, no_gpu)
    there = _precisions(name, device)
    if config.precision not in ("auto", *there):
        raise EngineError(
            f"the {name} engine has no {config.precision} on {device}; "
            f"expected {' or '.join(there)}"
        )
    path, expected = locate_checkpoint(config.checkpoint, config.model, config.expected_sha256)
    weights = read_weights_file(weights_path(path, config.model), expected)
    precision, why_so = _precision(config, name, device, weights.sha256)
    reason = f"{reason}; {why_so}" if why_so else reason
    checkpoint = config.checkpoint or f"shipped {config.model}"
    info = EngineInfo(name, device, precision, checkpoint, weights.sha256, reason)
    _LOG.info(
        "%s on %s in %s (%s), %s weights %s",
        name,
        device,
        precision,
        reason,
        checkpoint,
        weights.sha256,
    )
    return EngineChoice(weights.path, info)


def _precision(config: EngineConfig, engine: str, device: str, sha256: str) -> tuple[str, str]:
    """The arithmetic, and the reason where it was chosen: less only where that does no harm."""
    if config.precision != "auto":
        return config.precision, ""
    if engine == "compiled" and _is_gpu(device):
        # Chosen when the network is there: by what it answers on this GPU.
        return "auto", ""
    if engine != "openvino":
        return "fp32", ""
    from siammask_ros.engines.openvino_rt import RUNTIME, has_native_bf16

    # That which is shipped has to be asked for: its state was a little less to be trusted.
    form, not_int8 = Int8Form.of(sha256), ""
    if form.is_there:
        is_good, why = form.assess(RUNTIME)
        if is_good:
            return "int8", why
        not_int8 = f"; {why}"
    if config.model in _AS_GOOD_IN_BF16 and has_native_bf16():
        why = "bf16: this CPU computes in it, and the model is as accurate in it"
        return "bf16", f"{why}{not_int8}"
    return "fp32", not_int8.removeprefix("; ")


def list_engines(device: str = "auto") -> list[tuple[str, str]]:
    """Engines and precisions that this machine offers on a device, each to be asked for by name.

    The compiled engine is for GPUs: on a CPU it opens, but is not offered, because it takes a
    minute to compile for every number of targets. Nor is int8, which has to be made for given
    weights first. Raises EngineError where the device is not there.
    """
    there, no_gpu = find_device(device)
    pairs = []
    for engine in _PRECISIONS:
        if engine == "compiled" and there == "cpu":
            continue
        try:
            name, _ = _engine_name(engine, there, no_gpu)
        except EngineError:
            continue
        pairs += [(name, each) for each in _precisions(name, there) if each != "int8"]
    return pairs


def _precisions(engine: str, device: str) -> tuple[str, ...]:
    """What an engine computes in on a device.

    A CPU would only imitate fp16, and a GPU before Ampere bf16, slowly; asked for a bf16 that the
    CPU has not, OpenVINO would take fp32 and say nothing.
    """
    lacking = set() if _is_gpu(device) else {"fp16"}
    if engine == "compiled" and _is_gpu(device) and "bf16" not in half_precisions(device):
        lacking |= {"bf16"}
    if engine == "openvino":
        from siammask_ros.engines.openvino_rt import has_native_bf16

        lacking |= set() if has_native_bf16() else {"bf16"}
    return tuple(each for each in _PRECISIONS[engine] if each not in lacking)


def _is_gpu(device: str) -> bool:
    return device.startswith("cuda")


def _engine_name(wanted: str, device: str, no_gpu: str) -> tuple[str, str]:
    """The engine's name, and why it was taken; ``no_gpu`` is why the device is none."""
    has_openvino = importlib.util.find_spec("openvino") is not None
    if wanted == "openvino":
        if not has_openvino:
            raise EngineError("engine openvino is not installed; run: pip install openvino")
        if device != "cpu":
            raise EngineError(f"engine openvino runs on the CPU, not on {device}; take compiled")
    if wanted == "onnxruntime":
        _check_onnxruntime(device)
    if wanted != "auto":
        return wanted, "as asked for"
    if _is_gpu(device):
        return "compiled", "auto: a CUDA device is there"
    if has_openvino:
        return "openvino", f"auto: {no_gpu}; OpenVINO is installed and faster than PyTorch"
    return "eager", f"auto: {no_gpu}, and OpenVINO is not installed"


def _check_onnxruntime(device: str) -> None:
    """Raises EngineError where onnxruntime is missing, or its build does not know the device."""
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineError(
            f"engine onnxruntime is not installed; run: pip install {' '.join(missing)}"
        )
    if _is_gpu(device):
        from siammask_ros.engines.onnx_rt import has_cuda

        if not has_cuda():
            raise EngineError(
                f"this build of onnxruntime does not run on {device}; install onnxruntime-gpu in "
                "its place, or take engine compiled"
            )
