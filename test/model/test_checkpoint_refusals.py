"""Every refusal of a file of weights: FAULTS.md D1 to D6."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from model.weight_files import (
    KINDS,
    SMALL,
    Payload,
    Tensors,
    written,
    written_bytes,
)
from support.random_network import random_network, random_weights

from siammask_ros.errors import CheckpointError, ConfigError
from siammask_ros.model.checkpoint import load_network, read_checkpoint


@pytest.fixture(scope="module")
def lite() -> Tensors:
    """The state dict of a random ``lite`` network; tests change a copy."""
    return random_network("lite").state_dict()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"))


def refusal(path: Path | str, **options: str) -> str:
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(path, **options)
    return str(error.value)


def load_refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as error:
        load_network(path, "lite")
    return str(error.value)


def test_an_unknown_model_is_refused_before_the_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model 'huge' is unknown"):
        load_network(tmp_path / "none.pth", "huge")


def test_a_model_without_shipped_weights_needs_a_path() -> None:
    with pytest.raises(CheckpointError, match="model resnet50 has no shipped weights"):
        load_network("", "resnet50")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("missing.pth", "No such file", id="missing"),
        pytest.param("folder", "is a directory", id="directory"),
        pytest.param("file/in it", "Not a directory", id="below a file"),
        pytest.param("x" * 300, "File name too long", id="name too long"),
        pytest.param("a\0b", "null", id="null byte"),
        pytest.param("pipe", "not a regular file", id="pipe"),
    ],
)
def test_d1_what_cannot_be_read_is_named_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    message = refusal(name)
    assert str(tmp_path / name) in message
    assert why in message


def test_d1_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path / "x.pth", SMALL)
    with monkeypatch.context() as patch:
        # Permissions do not bind root, who may be running this.
        patch.setattr(Path, "read_bytes", forbidden)
        assert f"{path} cannot be read: Permission denied" in refusal(path)
    assert read_checkpoint(path).tensors


def test_d1_a_home_that_is_not_there_is_refused() -> None:
    assert "~no-such-user" in refusal("~no-such-user/x.pth")


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"<!DOCTYPE html><html><body>404", "web page", id="html"),
        pytest.param(b"\n  <html>Sorry", "web page", id="html after blanks"),
        pytest.param(b"<?xml version='1.0'?><Error/>", "web page", id="xml"),
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
            "Git LFS pointer: run 'git lfs pull'",
            id="lfs pointer",
        ),
        pytest.param(b"hello, I am a note", "starts with b'hello, I am a no'", id="text"),
        pytest.param(b"\x1f\x8b\x08\0\0\0\0\0\0\0", "starts with", id="gzip"),
        pytest.param(bytes(1000), "starts with", id="zeros"),
        pytest.param(b"\x80", "damaged or cut short", id="one byte"),
        pytest.param(b"PK\x03\x04 and no more", "damaged or cut short", id="start of a zip"),
    ],
)
def test_d2_a_file_of_something_else_is_told_what_it_looks_like(
    tmp_path: Path, data: bytes, looks: str
) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(data)
    message = refusal(path)
    assert message.startswith(f"{path} ")
    assert looks in message
    assert "expected a whole .pth or .safetensors file" in message


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999], ids="{:.1%}".format)
@pytest.mark.parametrize("kind", KINDS)
def test_d2_a_truncated_file_is_refused(tmp_path: Path, kind: str, kept: float) -> None:
    data = written_bytes(tmp_path, kind)
    path = tmp_path / "cut"
    path.write_bytes(data[: int(len(data) * kept)])
    assert "damaged or cut short" in refusal(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_d2_a_file_may_end_after_any_byte(tmp_path: Path, kind: str) -> None:
    data = written_bytes(tmp_path, kind)
    path = tmp_path / "cut"
    for length in range(1, len(data), 1 + len(data) // 400):
        path.write_bytes(data[:length])
        refusal(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_d2_damage_is_answered_in_our_own_words(tmp_path: Path, kind: str) -> None:
    data = written_bytes(tmp_path, kind)
    rng = random.Random(0)
    refused = 0
    for _ in range(200):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 3, 20])):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        path = tmp_path / "damaged"
        path.write_bytes(bytes(damaged))
        try:
            read_checkpoint(path)
        except CheckpointError as error:
            refused += 1
            assert "weights_only" not in str(error)
    assert refused > 20


@pytest.mark.parametrize("zipped", [False, True], ids=["legacy", "zip"])
@pytest.mark.parametrize("runner", [os.system, exec, subprocess.call], ids=lambda f: f.__name__)
def test_d3_a_malicious_pickle_is_refused_and_executes_nothing(
    tmp_path: Path, runner: Callable[..., Any], zipped: bool
) -> None:
    proof = tmp_path / "executed"
    commands: dict[Any, Any] = {
        os.system: f"touch '{proof}'",
        exec: f"open({str(proof)!r}, 'w').close()",
        subprocess.call: ["touch", str(proof)],
    }
    payload = Payload(runner, commands[runner])
    path = written(tmp_path / "x.pth", {"state_dict": SMALL, "extra": payload}, zipped)

    message = refusal(path)

    assert "nothing of it was executed" in message
    assert runner.__name__ in message
    assert not proof.exists()
    # The same file does harm in a careless reader, so the test can fail.
    torch.load(path, weights_only=False)
    assert proof.exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param({}, "holds a dict", id="empty dict"),
        pytest.param(3, "holds a int", id="number"),
        pytest.param([torch.ones(2)], "holds a list", id="list"),
        pytest.param({"state_dict": {}}, "expected a dictionary of tensors", id="empty nested"),
        pytest.param({"a": 3}, "entry 'a' of type int", id="no tensor"),
        pytest.param({0: torch.ones(2)}, "entry '0'", id="no name"),
    ],
)
def test_d4_plain_data_that_is_no_state_dict_is_refused(
    tmp_path: Path, content: Any, why: str
) -> None:
    assert why in refusal(written(tmp_path / "x.pth", content))


def test_d4_missing_keys_are_counted_and_the_first_five_named(
    tmp_path: Path, lite: Tensors
) -> None:
    mask = [name for name in lite if name.startswith("mask_model.") and "num_b" not in name]
    kept = {name: tensor for name, tensor in lite.items() if name not in mask}
    message = load_refusal(written(tmp_path / "x.pth", kept))
    listed = ", ".join(mask[:5])
    assert f"does not fit model lite; missing: {listed} and {len(mask) - 5} more" in message
    assert mask[5] not in message


def test_d4_unexpected_keys_are_named(tmp_path: Path, lite: Tensors) -> None:
    more = {f"stranger.{k}": torch.ones(1) for k in range(5)}
    message = load_refusal(written(tmp_path / "x.pth", {**lite, **more}))
    assert "unexpected: stranger.0, stranger.1, stranger.2, stranger.3, stranger.4" in message
    assert "more" not in message


def test_d4_wrong_shapes_are_named_with_both(tmp_path: Path, lite: Tensors) -> None:
    wrong = {name: torch.ones(7) for name in list(lite)[:6] if "num_b" not in name}
    message = load_refusal(written(tmp_path / "x.pth", {**lite, **wrong}))
    name = next(iter(wrong))
    assert f"of another shape: {name} (7,) instead of {tuple(lite[name].shape)}" in message


def test_d4_another_models_file_is_refused(tmp_path: Path) -> None:
    message = load_refusal(written(tmp_path / "x.pth", SMALL))
    assert "missing: " in message
    assert "unexpected: a.weight, a.bias" in message


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf], ids=str)
def test_d5_a_weight_that_is_not_finite_is_named(
    tmp_path: Path, lite: Tensors, value: float
) -> None:
    name = "rpn_model.loc.head.3.bias"
    spoiled = lite[name].clone()
    spoiled[7] = value
    message = load_refusal(written(tmp_path / "x.pth", {**lite, name: spoiled}))
    assert f"not finite in {name}" in message


def test_d6_a_bit_flip_changes_the_hash_and_is_refused_where_one_is_expected(
    tmp_path: Path, file: Path
) -> None:
    expected = read_checkpoint(file).sha256
    data = bytearray(file.read_bytes())
    data[-1000] ^= 1
    path = tmp_path / "flipped.safetensors"
    path.write_bytes(bytes(data))

    assert read_checkpoint(path).sha256 != expected
    message = refusal(path, expected_sha256=expected)
    assert f"expected {expected}" in message
    assert hashlib.sha256(data).hexdigest() in message
    assert read_checkpoint(file, expected_sha256=expected.upper()).sha256 == expected


def test_a_refused_file_loads_once_it_is_right(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(file.read_bytes()[:-100])
    assert "damaged or cut short" in load_refusal(path)
    path.write_bytes(file.read_bytes())
    network, _ = load_network(path, "lite")
    assert network.variant.name == "lite"
