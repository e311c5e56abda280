"""A training's YAML file: what is taken, and in which words the rest is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from siammask_ros.errors import ConfigError
from siammask_ros.training.config import TrainingConfig
from siammask_ros.training.pair_config import PairConfig
from siammask_ros.training.sources import Source

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "config" / "training").glob("*.yaml"))


def read(tmp_path: Path, text: str) -> TrainingConfig:
    path = tmp_path / "training.yaml"
    path.write_text(text)
    return TrainingConfig.read(path)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    return str(error.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- 1\n- 2\n", "just words\n"], ids=repr)
def test_a_file_without_settings_is_refused(tmp_path: Path, text: str) -> None:
    message = refusal(tmp_path, text)
    assert "contains no settings; expected lines of 'name: value'" in message
    assert str(tmp_path / "training.yaml") in message


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    config = read(tmp_path, "steps: 7\npairs:\n  grey_share: 0.5\n")
    assert config.steps == 7
    assert config.pairs.grey_share == 0.5
    for item in fields(TrainingConfig):
        if item.name not in ("steps", "pairs"):
            assert getattr(config, item.name) == getattr(TrainingConfig(), item.name)
    assert config.pairs.paste_share == PairConfig().paste_share


def test_lists_become_values_that_cannot_change(tmp_path: Path) -> None:
    config = read(tmp_path, "sources: [davis, voc]\nholdout: [boat]\n")
    assert config.sources == (Source("davis"), Source("voc"))
    assert config.holdout == ("boat",)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_trainings_can_be_read(path: Path) -> None:
    assert TrainingConfig.read(path).out.startswith("out/")


def test_there_is_a_shipped_training() -> None:
    assert SHIPPED


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("stepps: 3", "stepps"),
        ("steps: 3\nlr: 0.1", "lr"),
        ("pairs: {gray_share: 0.1}", "pairs.gray_share"),
        ("3: 4", "3"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_known_ones(
    tmp_path: Path, text: str, name: str
) -> None:
    message = refusal(tmp_path, text)
    assert f"unknown setting {name};" in message
    assert ("grey_share" if "pairs" in name else "learning_rate") in message


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("steps: 0", "steps is 0; expected a whole number from 1"),
        ("batch: 0", "batch is 0;"),
        ("batch: 2.5", "batch is 2.5; expected a whole number"),
        ("batch: many", "batch is 'many'; expected a whole number"),
        ("batch: true", "batch is True; expected a whole number"),
        ("batch: null", "batch is None; expected a whole number"),
        ("learning_rate: 0", "learning_rate is 0; expected a number"),
        ("learning_rate: 1e-3", "learning_rate is '1e-3'; expected a number"),
        ("learning_rate: .nan", "learning_rate is nan; expected a number"),
        ("unfreeze_at: 1.5", "unfreeze_at is 1.5; expected a number from 0 to 1"),
        ("average_decay: -0.1", "average_decay is -0.1;"),
        ("workers: -1", "workers is -1;"),
        ("precision: int8", "precision is 'int8'; expected one of: auto, bf16, fp32, fp16"),
        ("model: huge", "model is 'huge'; expected one of: "),
        ("out: 3", "out is 3; expected text"),
        ("sources: davis", "sources is 'davis'; expected a list"),
        ("sources: []", "sources is empty; expected data to train on"),
        ("sources: [1, 2]", "the source 1 cannot be read; expected a name, or kind, path and"),
        ("sources: [{path: here}]", "the source {'path': 'here'} cannot be read"),
        ("sources: [{kind: davis, path: 3}]", "cannot be read"),
        ("sources: [{kind: davis, folder: x}]", "cannot be read"),
        ("sources: [imagenet]", "unknown data set 'imagenet'; expected one of: davis, voc"),
        ("sources: [{kind: voc, path: x}]", "unknown layout 'voc'; expected one of: videos"),
        ("sources: [{kind: davis, path: x, images: y}]", "images is 'y' for davis; only coco"),
        ("holdout: {a: 1}", "holdout is {'a': 1}; expected a list of names"),
        ("pairs: {grey_share: 2}", "grey_share is 2; expected a number from 0 to 1"),
        ("pairs: {max_gap_frames: 1.5}", "max_gap_frames is 1.5; expected a whole number"),
        ("pairs: {paste_min_size: 3, paste_max_size: 2}", "paste_min_size is 3; expected at most"),
    ],
)
def test_a_bad_value_is_refused_by_name_value_and_range(
    tmp_path: Path, text: str, start: str
) -> None:
    assert start in refusal(tmp_path, text)


def test_pairs_that_are_no_settings_are_refused(tmp_path: Path) -> None:
    assert "pairs is [1]; expected 'name: value'" in refusal(tmp_path, "pairs: [1]")


@pytest.mark.parametrize(
    "content",
    [
        b"steps: [1, 2",
        b"steps: 3\n  batch: 2",
        b"steps: !!python/object/apply:os.getcwd []",
        b"\xff\xfe\x00",
    ],
    ids=["open bracket", "indentation", "an object", "no text"],
)
def test_a_file_that_is_no_plain_yaml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "training.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"training.yaml cannot be read as YAML"):
        TrainingConfig.read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.yaml cannot be read: No such file"):
        TrainingConfig.read(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        TrainingConfig.read(tmp_path)


def own(tmp_path: Path, **changes: str) -> str:
    """A configuration whose data are there."""
    for name in ("videos", "data"):
        (tmp_path / name).mkdir(exist_ok=True)
    lines = {
        "out": str(tmp_path / "out"),
        "sources": f"[{{kind: videos, path: {tmp_path / 'videos'}}}]",
        **changes,
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items())


MISTAKES = {
    "YAML": (b"steps: [1, 2", r"own\.yaml cannot be read as YAML: line 1, column 13: expected"),
    "a control character": (b"steps: \0", r"own\.yaml cannot be read as YAML: .*#x0000"),
    "too deep": (b"[" * 5000, r"own\.yaml cannot be read as YAML: "),
    "a day that does not exist": (b"seed: 2026-13-45", r"own\.yaml cannot be read as YAML: month"),
    "twice": (b"steps: 1\nbatch: 2\nsteps: 3\n", r"own\.yaml: steps is set twice"),
    "twice inside": (b"pairs: {jpeg_share: 0, jpeg_share: 1}", r"own\.yaml: jpeg_share is set tw"),
    "a type": (b"batch: many", r"own\.yaml: batch is 'many'; expected a whole number"),
    "a huge number": (
        b"learning_rate: 1" + 400 * b"0",
        r"own\.yaml: learning_rate is 10+; expected",
    ),
}


@pytest.mark.parametrize(("content", "words"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("option", [[], ["--check-data"]], ids=["train", "check"])
def test_a_mistake_in_the_file_is_told_in_one_line_before_torch_is_loaded(
    tmp_path: Path, content: bytes, words: str, option: list[str]
) -> None:
    (tmp_path / "own.yaml").write_bytes(content)
    assert re.search(words, refused_by_the_command(tmp_path, *option))


MISSING = {
    "a source": ({"sources": "[{kind: videos, path: nowhere}]"}, r"nowhere is missing; expected"),
    "images": (
        {"sources": "[{kind: coco, path: own.yaml, images: nowhere}]"},
        r"nowhere is missing; expected the data of a source, coco",
    ),
    "a set": ({"sources": "[voc]"}, r"There is no data set at .*voc\. Set SIAMMASK_DATA"),
    "weights": ({"start_from": "mine.safetensors"}, r"start_from is 'mine\.safetensors'; expected"),
    "out is a file": (
        {"out": "own.yaml"},
        r"out is 'own\.yaml', which cannot be created: File exists",
    ),
    "out in a file": (
        {"out": "own.yaml/a"},
        r"out is 'own\.yaml/a', which cannot be created: Not a",
    ),
    "out is no path": (
        {"out": '"a\\0"'},
        r"out is 'a\\x00', which cannot be created: embedded null",
    ),
}


@pytest.mark.parametrize(("changes", "words"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_told_in_one_line_before_torch_is_loaded(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    (tmp_path / "own.yaml").write_text(own(tmp_path, **changes))
    assert re.search(words, refused_by_the_command(tmp_path))


_COMMAND = """
import sys
from siammask_ros.cli import main
code = main(["train", "own.yaml", *sys.argv[1:]])
sys.exit(code if "torch" not in sys.modules else "torch was loaded")
"""


def refused_by_the_command(folder: Path, *options: str) -> str:
    """The line of ``siammask train own.yaml`` in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", _COMMAND, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SIAMMASK_DATA": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2, run.stderr
    (line,) = run.stderr.splitlines()
    assert line.startswith("siammask: ")
    return line


def test_the_command_takes_a_configuration_whose_data_are_there(tmp_path: Path) -> None:
    config = read(tmp_path, own(tmp_path))
    config.check_files()
    assert (tmp_path / "out").is_dir()
