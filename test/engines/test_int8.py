"""The int8 form of weights: kept whole, told honestly, and taken by 'auto' only where harmless."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.engine_inputs import crops
from support.random_network import random_weights

from siammask_ros.cli import main
from siammask_ros.engines.int8 import Int8About, Int8Form
from siammask_ros.engines.registry import EngineConfig, choose_engine, open_engine
from siammask_ros.errors import EngineError
from siammask_ros.model.checkpoint import read_checkpoint
from siammask_ros.model.weights_file import SHIPPED as SHIPPED_WEIGHTS

RUNTIME = "OpenVINO of the test"
# Of probabilities and of masks: int8's own stated bound against fp32 (C9). The network is random.
SCORE, MASK = 0.15, 0.25


def about(**changes: Any) -> Int8About:
    measured = Int8About(
        model="lite",
        weights_sha256="0" * 64,
        runtime=RUNTIME,
        images=8,
        measured_on="dog",
        mean_j={"fp32": 0.700, "bf16": 0.701, "int8": 0.695},
        box_iou={"fp32": 0.7, "bf16": 0.7, "int8": 0.7},
        step_ms={"fp32": 20.0, "bf16": 12.0, "int8": 10.0},
    )
    return replace(measured, **changes)


@pytest.fixture
def form(tmp_path: Path) -> Int8Form:
    form = Int8Form(tmp_path / "int8")
    write_model(form)
    return form


def write_model(form: Int8Form, numbers: bytes = b"numbers") -> None:
    with form.new_model(about()) as path:
        path.write_text("<net/>")
        path.with_suffix(".bin").write_bytes(numbers)


@pytest.mark.parametrize(
    ("changes", "taken", "words"),
    [
        ({}, True, "loses 0.005 mean J and is 1.20x"),
        ({"mean_j": {}, "step_ms": {}}, False, "was not measured"),
        ({"mean_j": {"fp32": 0.70, "int8": 0.69}}, False, "loses 0.010 mean J"),
        ({"mean_j": {"fp32": 0.70, "int8": 0.60}}, False, "loses 0.100 mean J"),
        ({"step_ms": {"fp32": 20.0, "bf16": 9.0, "int8": 10.0}}, False, "is no faster"),
    ],
    ids=["good", "not measured", "just too bad", "bad", "slow"],
)
def test_int8_is_taken_where_it_is_faster_and_loses_next_to_nothing(
    changes: dict[str, Any], taken: bool, words: str
) -> None:
    is_good, why = about(**changes).assess()
    assert is_good == taken
    assert words in why


def test_what_was_written_is_read_again(form: Int8Form) -> None:
    assert form.is_there
    assert form.about() == about()
    assert form.search_model(RUNTIME).read_text() == "<net/>"


def test_what_is_not_there_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    form = Int8Form(tmp_path / "nothing")
    assert not form.is_there
    with pytest.raises(EngineError, match=r"no int8 form of these weights.*export --format int8"):
        form.search_model(RUNTIME)


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_file_is_refused_until_it_is_made_anew(
    form: Int8Form, name: str, damage: str
) -> None:
    path = form.folder / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] + b"\0")
    with pytest.raises(EngineError, match=r"has changed since it was made; run: siammask export"):
        form.search_model(RUNTIME)
    path.write_bytes(whole)
    assert form.search_model(RUNTIME)


def test_another_version_of_the_runtime_is_refused(form: Int8Form) -> None:
    with pytest.raises(EngineError, match=r"was made by OpenVINO of the test, this is OpenVINO 9"):
        form.search_model("OpenVINO 9")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"about": {}, "files": {}}'], ids=str)
def test_notes_that_are_not_readable_are_refused(form: Int8Form, text: str) -> None:
    (form.folder / "about.json").write_text(text)
    with pytest.raises(EngineError, match=r"notes o.*run: siammask export --format int8"):
        form.about()


def test_the_old_form_serves_until_the_new_one_is_whole(form: Int8Form) -> None:
    with form.new_model(about(images=9)) as path:
        path.write_text("<newer/>")
        path.with_suffix(".bin").write_bytes(b"others")
        assert form.search_model(RUNTIME).read_text() == "<net/>"
        assert form.about() == about()
    assert form.search_model(RUNTIME).read_text() == "<newer/>"
    assert form.about() == about(images=9)


def test_a_form_that_could_not_be_made_leaves_the_old_one(form: Int8Form) -> None:
    with pytest.raises(EngineError), form.new_model(about(images=9)) as path:
        path.write_text("<newer/>")
        raise EngineError("not this time")
    assert form.search_model(RUNTIME).read_text() == "<net/>"
    assert [each.name for each in form.folder.iterdir() if each.is_dir()] == []


def test_two_that_are_made_at_once_are_never_mixed(form: Int8Form) -> None:
    with form.new_model(about(images=9)) as path:
        path.write_text("<newer/>")
        path.with_suffix(".bin").write_bytes(b"others")
    # As if another process had come between with one of its files.
    (form.folder / "model.bin").write_bytes(b"a third one's")
    with pytest.raises(EngineError, match="has changed since it was made"):
        form.search_model(RUNTIME)
    form.note(about(images=10))
    with pytest.raises(EngineError, match="has changed since it was made"):
        form.search_model(RUNTIME)


def test_who_has_opened_a_form_keeps_it_while_it_is_made_again(form: Int8Form) -> None:
    with (form.folder / "model.bin").open("rb") as opened:
        write_model(form, numbers=b"others")
        assert opened.read() == b"numbers"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIAMMASK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_form_of_the_shipped_weights_is_whole_and_one_made_here_goes_before_it(
    cache: Path,
) -> None:
    sha256 = read_checkpoint(SHIPPED_WEIGHTS["lite"]).sha256
    form = Int8Form.find(sha256)
    assert form.is_shipped
    made = form.about()
    assert (made.model, made.weights_sha256) == ("lite", sha256)
    assert form.search_model(made.runtime).is_file()
    assert form.assess(made.runtime)[0]
    own = Int8Form.of(sha256)
    write_model(own)
    assert Int8Form.find(sha256) == own
    assert not own.is_shipped


@pytest.mark.parametrize(("has_bf16", "precision"), [(True, "bf16"), (False, "fp32")])
def test_the_shipped_int8_has_to_be_asked_for(
    cache: Path, monkeypatch: pytest.MonkeyPatch, has_bf16: bool, precision: str
) -> None:
    openvino_rt = pytest.importorskip(
        "siammask_ros.engines.openvino_rt", reason="OpenVINO is not installed"
    )
    monkeypatch.setattr(openvino_rt, "has_native_bf16", lambda: has_bf16)
    info = choose_engine(EngineConfig(device="cpu")).info
    assert (info.engine, info.precision) == ("openvino", precision)
    info = choose_engine(EngineConfig(device="cpu", precision="int8")).info
    assert (info.engine, info.precision) == ("openvino", "int8")


def test_a_form_of_another_runtime_is_not_taken_by_auto_and_said(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openvino_rt = pytest.importorskip(
        "siammask_ros.engines.openvino_rt", reason="OpenVINO is not installed"
    )
    write_model(Int8Form.of(read_checkpoint(SHIPPED_WEIGHTS["lite"]).sha256))
    monkeypatch.setattr(openvino_rt, "has_native_bf16", lambda: False)
    monkeypatch.setattr(openvino_rt, "RUNTIME", "OpenVINO 1")
    info = choose_engine(EngineConfig(device="cpu")).info
    assert info.precision == "fp32"
    assert f"was made by {RUNTIME}, this is OpenVINO 1" in info.reason


def test_int8_has_to_be_made_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.setenv("SIAMMASK_CACHE", str(tmp_path))
    weights = str(random_weights(tmp_path))
    config = EngineConfig(checkpoint=weights, engine="openvino", precision="int8")
    with pytest.raises(EngineError, match="run: siammask export --format int8"):
        open_engine(config)
    with pytest.raises(EngineError, match="the eager engine has no int8 on cpu"):
        open_engine(replace(config, engine="eager"))


def test_c9_the_exported_int8_agrees_with_fp32_within_its_bound_and_auto_judges_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nncf", reason="nncf is not installed: pip install nncf")
    monkeypatch.setenv("SIAMMASK_CACHE", str(tmp_path / "cache"))
    weights = str(random_weights(tmp_path))
    pictures, davis = tmp_path / "pictures", tmp_path / "davis"
    pictures.mkdir()
    for seed, picture in enumerate(crops(3, 240)):
        cv2.imwrite(str(pictures / f"{seed}.png"), picture)
    write_davis(davis)
    options = ["--format", "int8", "--checkpoint", weights]
    assert (
        main(["export", *options, "--calibration-images", str(pictures), "--davis", str(davis)])
        == 0
    )
    assert "calibrating on 96 crops of 3 images" in (said := capsys.readouterr().out)

    form = Int8Form.of(read_checkpoint(weights).sha256)
    made = form.about()
    assert made.measured_on == "square"
    assert {"fp32", "int8"} <= made.mean_j.keys() == made.step_ms.keys()
    is_good, why = made.assess()
    assert why in said
    config = EngineConfig(checkpoint=weights, engine="openvino", device="cpu")
    chosen = open_engine(config).info
    assert (chosen.precision == "int8") == is_good
    assert why in chosen.reason

    exact, rough = (open_engine(replace(config, precision=name)) for name in ("fp32", "int8"))
    cells = np.array([6, 6])
    for search in (crops(2, 255), crops(2, 159)):
        answers = []
        for engine in (exact, rough):
            response = engine.search(engine.template(crops(2, 127)), search)
            masks = engine.refine(response, cells, cells).values
            answers.append((np.array(response.score), masks))
        for ours, theirs, bound in zip(*answers, (SCORE, MASK), strict=True):
            assert np.abs(ours - theirs).mean() < bound


def write_davis(root: Path) -> None:
    """A square that moves over blocks of colour, in DAVIS's layout."""
    images = root / "JPEGImages" / "480p" / "square"
    masks = root / "Annotations" / "480p" / "square"
    ground = crops(1, 240, seed=1)[0]
    for folder in (images, masks):
        folder.mkdir(parents=True)
    for number in range(4):
        mask = np.zeros((240, 240), np.uint8)
        mask[90:150, 60 + 4 * number : 120 + 4 * number] = 255
        picture = np.where(mask[..., None] > 0, np.uint8(255), ground)
        cv2.imwrite(str(images / f"{number:05}.jpg"), picture)
        cv2.imwrite(str(masks / f"{number:05}.png"), mask)
