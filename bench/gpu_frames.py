"""Times a frame's network on a GPU in every arithmetic and memory format, and counts its kernels.

Run by bench/gpu.sh. Random weights: they cost what others cost.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from siammask_ros.engines.frame import FrameNetwork, make_queries
from siammask_ros.engines.fusion import build_frame
from siammask_ros.engines.half_precision import DTYPES
from siammask_ros.engines.on_device import exact_arithmetic
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import get_variant

DEFAULT_DEVICE = "cuda:0"
PRECISIONS = ("fp32", "tf32", "fp16")
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
COUNTS = (1, 8)
WARM_UPS, REPLAYS = 3, 100
SEED = 0


def main() -> None:
    """Measures what there is time for, the most telling first, and prints a line for each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, required=True, help="JSON file for the results")
    options.add_argument("--device", default=DEFAULT_DEVICE)
    options.add_argument("--seconds", type=float, default=130.0, help="begin nothing after these")
    given = options.parse_args()
    device = torch.device(given.device)
    until_s = time.monotonic() + given.seconds
    rows: list[dict[str, Any]] = []
    cases = itertools.product(
        COUNTS, ("resnet50", "lite"), reversed(PRECISIONS), LAYOUTS, (True, False), (False, True)
    )
    for count, model, precision, layout, is_fused, is_inductor in cases:
        about = {
            "targets": count,
            "model": model,
            "precision": precision,
            "layout": layout,
            "fused": is_fused,
            "inductor": is_inductor,
        }
        # Inductor compiles for long: only what may become the default is compiled.
        is_asked = not is_inductor or (precision == "fp16" and layout == "channels_last")
        if not is_asked or time.monotonic() > until_s:
            continue
        try:
            about |= measure(device, model, precision, layout, is_fused, is_inductor, count)
        except Exception as error:
            about["failure"] = f"{type(error).__name__}: {error}".partition("\n")[0]
        print(json.dumps(about), flush=True)
        rows.append(about)
        given.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(
    device: torch.device,
    model: str,
    precision: str,
    layout: str,
    is_fused: bool,
    is_inductor: bool,
    count: int,
) -> dict[str, float]:
    """Kernels of a frame, and its milliseconds as a CUDA graph (on a CPU: as it is)."""
    dtype = DTYPES["fp32" if precision == "tf32" else precision]
    with torch.inference_mode(), arithmetic(precision):
        frame, inputs = frame_of(device, model, dtype, LAYOUTS[layout], is_fused, count)
        if is_inductor:
            frame.compile(dynamic=False)
        for _ in range(WARM_UPS):
            frame(*inputs)
        return {
            "kernels": kernel_count(device, lambda: frame(*inputs)),
            "ms": frame_ms(device, lambda: frame(*inputs)),
        }


def arithmetic(precision: str) -> AbstractContextManager[None]:
    """TF32 or exact, with the algorithms that cuDNN finds to be the fastest."""
    if precision != "tf32":
        return exact_arithmetic(find_fastest=True)
    return torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=True)


def frame_of(
    device: torch.device,
    model: str,
    dtype: torch.dtype,
    layout: torch.memory_format,
    is_fused: bool,
    count: int,
) -> tuple[FrameNetwork, tuple[Tensor, ...]]:
    """The frame as the compiled engine runs it, and inputs that lie on the device."""
    variant = get_variant(model)
    torch.manual_seed(SEED)
    frame = build_frame(SiamMask(variant), device, dtype, layout, is_fused)
    rng = np.random.default_rng(SEED)
    templates, crops = (
        torch.from_numpy(rng.integers(0, 256, (count, side, side, 3), np.uint8)).to(device)
        for side in (variant.template_size, variant.search_size)
    )
    queries = torch.from_numpy(make_queries(variant, count, None)).to(device)
    return frame, (crops, queries, *frame.template(templates))


def kernel_count(device: torch.device, compute: Callable[[], object]) -> int:
    """Kernels and copies that one frame starts; 0 without a GPU."""
    if device.type != "cuda":
        return 0
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        compute()
        torch.cuda.synchronize(device)
    return sum(event.device_type == torch.autograd.DeviceType.CUDA for event in profiler.events())


def frame_ms(device: torch.device, compute: Callable[[], object]) -> float:
    """The mean of many frames, one after the other."""
    if device.type != "cuda":
        began_s = time.perf_counter()
        compute()
        return (time.perf_counter() - began_s) * 1e3
    graph = torch.cuda.CUDAGraph()
    aside = torch.cuda.Stream(device)
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        compute()
    aside.synchronize()
    with torch.cuda.graph(graph, stream=aside):
        compute()
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    graph.replay()
    began.record()
    for _ in range(REPLAYS):
        graph.replay()
    ended.record()
    ended.synchronize()
    return began.elapsed_time(ended) / REPLAYS


if __name__ == "__main__":
    main()
