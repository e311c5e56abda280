"""The compiled engine against the authors' code: its frame on a CPU, its graph on a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.golden_data import golden_arrays

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.compiled import CompiledEngine
from siammask_ros.model.checkpoint import load_network

CELLS = [(12, 12), (0, 0), (24, 24), (5, 19)]
# Largest differences in probability, in the raw box head (of its largest value), and in mask
# probability. Measured on a CPU: fp32 1.1e-5, 5e-6, 2e-6; bf16 0.06, 0.045, 0.03; fp16 0.013,
# 0.0043, 0.0043.
BOUNDS = {"fp32": (1e-4, 1e-4, 1e-4), "bf16": (0.12, 0.1, 0.1), "fp16": (0.03, 0.015, 0.015)}
# fp16 on a CPU is imitated, which takes seconds a frame and says nothing of a GPU.
PLACES = [
    ("cpu", "fp32", 1),
    ("cpu", "bf16", 1),
    *(("cuda", precision, items) for precision in BOUNDS for items in (1, 8)),
]


@pytest.mark.parametrize(("device", "precision", "items"), PLACES)
def test_network(device: str, precision: str, items: int, weights_path: Path) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    golden = golden_arrays("network.npz")
    network, _ = load_network(weights_path, "resnet50")
    info = EngineInfo("compiled", device, precision, "golden", "0" * 64)
    engine = CompiledEngine(network, torch.device(device), info)
    template, search = (golden[n].transpose(1, 2, 0)[None] for n in ("template", "search"))
    templates = engine.template(np.repeat(template, items, axis=0))
    response = engine.search(templates, np.repeat(search, items, axis=0))

    logits = torch.from_numpy(golden["score"]).reshape(2, 5, 25, 25)
    score = torch.softmax(logits, dim=0)[1].numpy()
    box = golden["box"].reshape(4, 5, 25, 25)
    score_bound, box_bound, mask_bound = BOUNDS[precision]
    assert np.abs(np.array(response.score) - score).max() < score_bound
    assert np.abs(np.array(response.box) - box).max() < box_bound * np.abs(box).max()
    for row, column in CELLS:
        masks = engine.refine(response, np.full(items, row), np.full(items, column)).values
        logits = torch.from_numpy(golden[f"refine_{row}_{column}"])
        assert np.abs(masks - torch.sigmoid(logits).numpy()).max() < mask_bound
