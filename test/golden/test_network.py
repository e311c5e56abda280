"""One template and one search crop through the network, against the authors' code.

How the numbers were made: README.md beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from support.golden_data import golden_arrays

from siammask_ros.engines.base import Engine
from siammask_ros.model.checkpoint import load_network
from siammask_ros.model.siammask import SearchMaps, SiamMask

CELLS = [(12, 12), (0, 0), (24, 24), (5, 19)]


class Run(NamedTuple):
    network: SiamMask
    template_features: torch.Tensor
    maps: SearchMaps


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return golden_arrays("network.npz")


@pytest.fixture(scope="module")
def run(weights_path: Path, golden: dict[str, np.ndarray]) -> Run:
    network, _ = load_network(weights_path, "resnet50")
    template, search = (torch.from_numpy(golden[n])[None].float() for n in ("template", "search"))
    with torch.inference_mode():
        features, _ = network.features(template)
        maps = network.search(search, network.template(template))
    return Run(network, features, maps)


def relative_error(ours: np.ndarray, golden: np.ndarray) -> float:
    """The largest difference, in shares of the largest golden value."""
    assert ours.shape == golden.shape
    return float(np.abs(ours - golden).max() / np.abs(golden).max())


def test_template_features(run: Run, golden: dict[str, np.ndarray]) -> None:
    ours = run.template_features[0].numpy()
    assert relative_error(ours, golden["template_features"]) < 1e-4


@pytest.mark.parametrize("output", ["score", "box"])
def test_head_output(run: Run, golden: dict[str, np.ndarray], output: str) -> None:
    ours = getattr(run.maps, output)[0].numpy()
    assert relative_error(ours, golden[output]) < 1e-4


def test_coarse_mask(run: Run, golden: dict[str, np.ndarray]) -> None:
    vector = run.maps.mask_correlation[:, :, 12, 12, None, None]
    with torch.inference_mode():
        ours = run.network.heads()[2].head(vector).flatten().numpy()
    assert relative_error(ours, golden["coarse_mask_12_12"]) < 1e-4


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_refinement(run: Run, golden: dict[str, np.ndarray], cell: tuple[int, int]) -> None:
    item, row, column = (torch.tensor([value]) for value in (0, *cell))
    with torch.inference_mode():
        ours = run.network.masks(run.maps, item, row, column).logits[0].numpy()
    difference = np.abs(ours - golden["refine_{}_{}".format(*cell)])
    assert difference.max() < 1e-3


# Largest differences in probability, in the raw box head (relative), and in mask probability.
# OpenVINO sums in another order; measured on CPUs: 8e-6, 5e-6 and 4e-6.
BOUNDS = {"eager": (1e-5, 1e-4, 1e-4), "openvino": (1e-4, 1e-4, 1e-4)}


@pytest.mark.parametrize("name", BOUNDS)
def test_engine(name: str, request: pytest.FixtureRequest, golden: dict[str, np.ndarray]) -> None:
    engine: Engine = request.getfixturevalue(name)
    template, search = (golden[n].transpose(1, 2, 0)[None].copy() for n in ("template", "search"))
    logits = torch.from_numpy(golden["score"]).reshape(2, 5, 25, 25)
    score = torch.softmax(logits, dim=0)[1].numpy()

    response = engine.search(engine.template(template), search)
    masks = [
        engine.refine(response, np.array([row]), np.array([column])).values[0]
        for row, column in CELLS
    ]

    score_bound, box_bound, mask_bound = BOUNDS[name]
    assert np.abs(response.score[0] - score).max() < score_bound
    assert relative_error(response.box[0].reshape(20, 25, 25), golden["box"]) < box_bound
    for mask, cell in zip(masks, CELLS, strict=True):
        expected = torch.sigmoid(torch.from_numpy(golden["refine_{}_{}".format(*cell)])).numpy()
        assert np.abs(mask - expected).max() < mask_bound
