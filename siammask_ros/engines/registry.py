"""Which engine runs the network: chosen by name, or by what the machine has."""

from __future__ import annotations

import importlib.util
import logging
import re
from dataclasses import dataclass, replace

import torch

from siammask_ros.engines.base import Engine, EngineInfo
from siammask_ros.engines.compiled import open_compiled
from siammask_ros.engines.eager import EagerEngine
from siammask_ros.engines.int8 import Int8Form
from siammask_ros.errors import ConfigError, EngineError
from siammask_ros.model.checkpoint import load_network
from siammask_ros.model.fold import folded
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import VARIANTS
from siammask_ros.settings import check, number, text
from siammask_ros.zoo.cache import located

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


def open_engine(config: EngineConfig) -> Engine:
    """An engine that is ready for its first frame.

    What 'auto' chose and why is logged and in ``engine.info``. Raises as ``open_network`` does.
    """
    network, device, info = open_network(config)
    if info.engine == "openvino":
        from siammask_ros.engines.openvino_rt import OpenVinoEngine

        return OpenVinoEngine(network, info, config.threads)
    if info.engine == "onnxruntime":
        from siammask_ros.engines.onnx_rt import OnnxEngine

        return OnnxEngine(network, info, config.threads)
    if config.threads and device.type == "cpu":
        torch.set_num_threads(config.threads)
    if info.engine == "compiled":
        return open_compiled(network, device, info)
    # The authors' network stays as they wrote it: its numbers are compared to the last digit.
    is_ours = network.variant.backbone != "resnet50"
    return EagerEngine(folded(network) if is_ours else network, device, info)


def open_network(config: EngineConfig) -> tuple[SiamMask, torch.device, EngineInfo]:
    """The network, and what is to run it where.

    Raises CheckpointError for the weights, EngineError where the device or the engine's library
    is missing: nothing is replaced by something slower in silence.
    """
    device = _device(config.device)
    name, reason = _engine_name(config.engine, device)
    there = _precisions(name, device)
    if config.precision not in ("auto", *there):
        raise EngineError(
            f"the {name} engine has no {config.precision} on {device}; "
            f"expected {' or '.join(there)}"
        )
    path, expected = located(config.checkpoint, config.model, config.expected_sha256)
    network, sha256 = load_network(path, config.model, expected)
    if device.type == "cuda":
        # A batch costs it little more than one target: every search stays whole.
        network.variant = replace(network.variant, crowd_search_size=network.variant.search_size)
    precision, why_so = _precision(config, name, sha256)
    reason = f"{reason}; {why_so}" if why_so else reason
    checkpoint = config.checkpoint or f"shipped {config.model}"
    info = EngineInfo(name, str(device), precision, checkpoint, sha256, reason)
    _LOG.info(
        "%s on %s in %s (%s), %s weights %s", name, device, precision, reason, checkpoint, sha256
    )
    return network, device, info


def _precision(config: EngineConfig, engine: str, sha256: str) -> tuple[str, str]:
    """The arithmetic, and the reason where it was chosen: less only where that does no harm."""
    if config.precision != "auto":
        return config.precision, ""
    if engine != "openvino":
        return "fp32", ""
    from siammask_ros.engines.openvino_rt import RUNTIME, has_native_bf16

    # That which is shipped has to be asked for: its state was a little less to be trusted.
    form, not_int8 = Int8Form.of(sha256), ""
    if form.is_there:
        is_good, why = form.verdict(RUNTIME)
        if is_good:
            return "int8", why
        not_int8 = f"; {why}"
    if config.model in _AS_GOOD_IN_BF16 and has_native_bf16():
        why = "bf16: this CPU computes in it, and the model is as accurate in it"
        return "bf16", f"{why}{not_int8}"
    return "fp32", not_int8.removeprefix("; ")


def offered(device: str = "auto") -> list[tuple[str, str]]:
    """Engines and precisions that this machine offers on a device, each to be asked for by name.

    The compiled engine is for GPUs: on a CPU it opens, but is not offered, because it takes a
    minute to compile for every number of targets. Nor is int8, which has to be made for given
    weights first. Raises EngineError where the device is not there.
    """
    there = _device(device)
    pairs = []
    for engine in _PRECISIONS:
        if engine == "compiled" and there.type == "cpu":
            continue
        try:
            name, _ = _engine_name(engine, there)
        except EngineError:
            continue
        pairs += [(name, each) for each in _precisions(name, there) if each != "int8"]
    return pairs


def _precisions(engine: str, device: torch.device) -> tuple[str, ...]:
    """What an engine computes in on a device.

    A CPU would only imitate fp16, slowly; asked for a bf16 that it has not, OpenVINO would take
    fp32 and say nothing.
    """
    lacking = set() if device.type == "cuda" else {"fp16"}
    if engine == "openvino":
        from siammask_ros.engines.openvino_rt import has_native_bf16

        lacking |= set() if has_native_bf16() else {"bf16"}
    return tuple(each for each in _PRECISIONS[engine] if each not in lacking)


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise EngineError(
                f"device {wanted} is not there: PyTorch {torch.__version__} sees {count} CUDA "
                "devices; take device cpu, or install a CUDA build of PyTorch and its driver"
            )
    return device


def _engine_name(wanted: str, device: torch.device) -> tuple[str, str]:
    """The engine's name, and why it was taken."""
    has_openvino = importlib.util.find_spec("openvino") is not None
    if wanted == "openvino":
        if not has_openvino:
            raise EngineError("engine openvino is not installed; run: pip install openvino")
        if device.type != "cpu":
            raise EngineError(f"engine openvino runs on the CPU, not on {device}; take compiled")
    if wanted == "onnxruntime":
        _check_onnxruntime(device)
    if wanted != "auto":
        return wanted, "as asked for"
    if device.type == "cuda":
        return "compiled", "auto: a CUDA device is there"
    if has_openvino:
        return "openvino", "auto: no CUDA device; OpenVINO is installed and faster than PyTorch"
    return "eager", "auto: no CUDA device, and OpenVINO is not installed"


def _check_onnxruntime(device: torch.device) -> None:
    """Raises EngineError where onnxruntime is missing, or its build does not know the device."""
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineError(
            f"engine onnxruntime is not installed; run: pip install {' '.join(missing)}"
        )
    if device.type == "cuda":
        from siammask_ros.engines.onnx_rt import has_cuda

        if not has_cuda():
            raise EngineError(
                f"this build of onnxruntime does not run on {device}; install onnxruntime-gpu in "
                "its place, or take engine compiled"
            )
