"""One engine of each kind for all golden comparisons: opening them is what takes the time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.golden_data import golden_weights

from siammask_ros.engines.base import Engine
from siammask_ros.engines.registry import EngineConfig, open_engine


@pytest.fixture(scope="session")
def weights_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "test_weights.pth"
    torch.save({"state_dict": golden_weights()}, path)
    return path


@pytest.fixture(scope="session")
def eager(weights_path: Path) -> Engine:
    return opened(weights_path, "eager")


@pytest.fixture(scope="session")
def openvino(weights_path: Path) -> Engine:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    return opened(weights_path, "openvino")


def opened(weights: Path, engine: str) -> Engine:
    return open_engine(
        EngineConfig(model="resnet50", checkpoint=str(weights), device="cpu", engine=engine)
    )
