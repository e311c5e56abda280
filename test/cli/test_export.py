"""What `siammask export` leaves runs in onnxruntime, described as it is."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.random_network import random_weights

from siammask_ros.cli import main
from siammask_ros.engines.parts import TemplatePart
from siammask_ros.model.checkpoint import load_network


def test_the_exported_files_run_and_are_described(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    weights, out = random_weights(tmp_path), tmp_path / "exported"
    assert main(["export", "--checkpoint", str(weights), "--out", str(out)]) == 0
    network, sha256 = load_network(weights, "lite")
    about = json.loads((out / "model.json").read_text())
    assert (about["model"], about["weights_sha256"]) == ("lite", sha256)
    assert list(about["parts"]) == ["template", "search", "crowd_search", "mask"]
    assert {path.name for path in out.iterdir()} == {
        "model.json",
        *(part["file"] for part in about["parts"].values()),
    }
    for part in about["parts"].values():
        session = ort.InferenceSession(out / part["file"])
        kinds = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}
        feed = {
            each["name"]: np.ones(each["shape"], kinds[each["type"]]) for each in part["inputs"]
        }
        shapes = [list(each.shape) for each in session.run(None, feed)]
        assert shapes == [each["shape"] for each in part["outputs"]]
    crop = np.random.default_rng(0).integers(0, 256, (1, 127, 127, 3), np.uint8)
    kernels = ort.InferenceSession(out / "template.onnx").run(None, {"template_crop": crop})
    with torch.inference_mode():
        expected = TemplatePart(network)(torch.from_numpy(crop))
    for ours, theirs in zip(kernels, expected, strict=True):
        assert np.abs(ours - theirs.numpy()).max() < 1e-3


def test_without_its_packages_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec

    def find_spec(name: str, *rest: Any) -> Any:
        return None if name.startswith("onnx") else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    assert main(["export"]) == 2
    assert "run: pip install onnx onnxruntime" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_refused_before_the_network_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    (tmp_path / "file").write_text("")
    missing = str(tmp_path / "missing.pth")
    assert main(["export", "--checkpoint", missing, "--out", str(tmp_path / "file" / "x")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"siammask: {tmp_path / 'file' / 'x'} cannot be written: Not a directory"
    )
