"""Who takes part in a benchmark, with which weights, and what it runs on."""

from __future__ import annotations

import pickle
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from siammask_ros.cli.bench_entries import EntryBuilder, TrackerOpener
from siammask_ros.cli.machine import machine
from siammask_ros.engines.registry import list_engines
from siammask_ros.errors import CheckpointError
from siammask_ros.evaluation.speed.timed_runner import Cell, TimedRunner
from siammask_ros.model.weights_file import SHIPPED


def entries(folder: Path, **given: Any) -> EntryBuilder:
    options = {
        "models": None,
        "engines": None,
        "precisions": None,
        "device": "cpu",
        "threads": 0,
        "checkpoint": [],
    }
    return EntryBuilder(Namespace(**{**options, **given}), folder)


@pytest.fixture(autouse=True)
def without_data_and_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("SIAMMASK_DATA", "SIAMMASK_CACHE"):
        (tmp_path / variable).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / variable))


def test_everything_that_is_offered_takes_part_the_reference_paths_first(tmp_path: Path) -> None:
    found = entries(tmp_path).all()
    assert [(each.model, each.engine) for each in found[:2]] == [
        ("resnet50", "reference"),
        ("lite", "reference"),
    ]
    # The shipped weights come with their int8 form.
    lite = [("openvino", "int8"), *list_engines("cpu")]
    assert [(each.engine, each.precision) for each in found[2:] if each.model == "lite"] == lite
    assert len(found) == 2 + len(list_engines("cpu")) + len(lite)


def test_what_is_asked_for_is_what_takes_part(tmp_path: Path) -> None:
    chosen = entries(tmp_path, models=("lite",), engines=("eager",), precisions=("fp32",)).all()
    assert [each.name for each in chosen] == ["lite reference fp32", "lite eager fp32"]
    assert [each.takes_many for each in chosen] == [False, True]


def test_resnet50_without_weights_is_random_and_says_so(tmp_path: Path) -> None:
    (first, *_) = entries(tmp_path, models=("resnet50",)).all()
    assert first.note == "random weights"
    assert not first.measures_accuracy
    assert (tmp_path / "resnet50_random.safetensors").is_file()


def test_shipped_weights_are_taken_and_judged(tmp_path: Path) -> None:
    if not SHIPPED["lite"].is_file():
        pytest.skip(f"{SHIPPED['lite']} is missing")
    (first, *_) = entries(tmp_path, models=("lite",)).all()
    assert (first.note, first.measures_accuracy) == ("", True)
    assert list(tmp_path.glob("*.safetensors")) == []


def test_given_weights_are_taken_with_the_settings_that_belong_to_them(tmp_path: Path) -> None:
    given = ["resnet50=vot", "lite=my.safetensors"]
    found = entries(tmp_path, models=("resnet50", "lite"), checkpoint=given).all()
    for each, checkpoint, settings in zip(
        found[:2], ("vot", "my.safetensors"), ("vot", "lite"), strict=True
    ):
        opener = each.opener
        assert isinstance(opener, TrackerOpener)
        assert (opener.config.checkpoint, opener.preset) == (checkpoint, settings)
        assert each.measures_accuracy


def test_the_peer_takes_part_where_its_network_is_at_hand(tmp_path: Path) -> None:
    assert "nanotrack v2" not in {each.model for each in entries(tmp_path).all()}
    folder = tmp_path / "SIAMMASK_DATA" / "weights"
    folder.mkdir()
    for part in ("backbone", "head"):
        (folder / f"nanotrackv2_nanotrack_{part}_sim.onnx").touch()
    (baseline,) = (each for each in entries(tmp_path).all() if each.model == "nanotrack v2")
    assert (baseline.engine, baseline.note, baseline.takes_many) == ("opencv", "boxes only", False)


def test_davis_is_found_in_the_data(tmp_path: Path) -> None:
    assert entries(tmp_path).davis_root is None
    root = tmp_path / "SIAMMASK_DATA" / "eval" / "davis2016"
    root.mkdir(parents=True)
    assert entries(tmp_path).davis_root == root


def test_the_reference_survives_the_way_to_another_process_and_steps(tmp_path: Path) -> None:
    opener = pickle.loads(pickle.dumps(entries(tmp_path, models=("lite",)).reference()))
    opened = opener()
    assert (opened.engine, opened.precision, opened.device) == ("reference", "fp32", "cpu")
    block = TimedRunner(opened.runner).block(Cell(), 0.0, 1)
    assert set(block.stages_ms) == {"crop", "network", "select", "mask"}
    assert opened.device_memory_mb() == 0.0


def test_the_machine_is_described_in_words() -> None:
    words = machine("cpu")
    assert words["device"].endswith(" cores")
    assert "torch 2" in words["versions"]
    assert all(words.values())


def test_weights_that_are_missing_are_told_of_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"missing\.pth cannot be read"):
        entries(tmp_path, checkpoint=["lite=missing.pth"]).check_given()
