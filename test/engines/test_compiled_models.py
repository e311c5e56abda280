"""Compiled models are kept in the cache, and taken again only where they are the same and whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_inputs import LITE, crops
from random_network import lively_network

from siammask_ros.engines import compiled_models
from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.compiled_models import CompiledModels, digest_of_part
from siammask_ros.engines.parts import MaskPart, SearchPart
from siammask_ros.model.siammask import SiamMask

openvino_rt = pytest.importorskip(
    "siammask_ros.engines.openvino_rt", reason="OpenVINO is not installed"
)
INFO = EngineInfo("test", "cpu", "fp32", "none", "0" * 64)
BOTH = ["MaskPart", "SearchPart"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIAMMASK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were converted since."""
    parts: list[str] = []
    convert = openvino_rt.converted

    def counted(part: SearchPart | MaskPart) -> object:
        parts.append(type(part).__name__)
        return convert(part)

    monkeypatch.setattr(openvino_rt, "converted", counted)
    return parts


def answer(network: SiamMask, items: int = 1) -> list[np.ndarray]:
    engine = openvino_rt.OpenVinoEngine(network, INFO, threads=0)
    response = engine.search(engine.template(crops(items, 127)), crops(items, 255))
    cells = np.full(items, 12)
    masks = engine.refine(response, cells, cells)
    return [np.array(response.score), np.array(response.box), masks.values]


def test_a_network_is_converted_once_for_all_its_forms(cache: Path, converted: list[str]) -> None:
    network = lively_network(LITE)
    first, two = answer(network), answer(network, items=2)
    assert sorted(converted) == sorted(BOTH * 2), "the second run compiles for several"
    again, two_again = answer(network), answer(network, items=2)
    assert sorted(converted) == sorted(BOTH * 2)
    for one, other in zip([*first, *two], [*again, *two_again], strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_numbers_are_another_network() -> None:
    network = lively_network(LITE)
    digest = digest_of_part(SearchPart(network))
    assert digest_of_part(SearchPart(network)) == digest
    assert digest_of_part(MaskPart(network)) != digest
    network.variant = replace(LITE, mask_size=64)
    assert digest_of_part(SearchPart(network)) != digest
    network.variant = LITE
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 1e-3
    assert digest_of_part(SearchPart(network)) != digest


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, change, empty, Path.unlink])
def test_only_what_is_whole_is_taken(cache: Path, damage: Callable[[Path], None]) -> None:
    models = CompiledModels("0" * 64)
    assert models.kept("a form") is None
    models.keep("a form", bytes(range(256)))
    models.keep("another", b"model")
    assert models.kept("a form") == bytes(range(256))
    for path in (cache / "compiled").iterdir():
        damage(path)
    assert models.kept("a form") is None
    models.keep("a form", b"made anew")
    assert models.kept("a form") == b"made anew"
    assert CompiledModels("1" * 64).kept("a form") is None


def test_what_openvino_does_not_take_is_compiled_anew(
    cache: Path, converted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = lively_network(LITE)
    with monkeypatch.context() as patch:
        patch.setattr(CompiledModels, "kept", lambda self, form: b"of another build" * 9)
        first = answer(network)
    assert sorted(converted) == BOTH
    for one, other in zip(first, answer(network), strict=True):
        np.testing.assert_array_equal(one, other)
    assert sorted(converted) == BOTH


def test_where_nothing_can_be_kept_it_runs_and_says_so(
    cache: Path, converted: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("a file where the folder should be")
    network = lively_network(LITE)
    answer(network)
    answer(network)
    assert sorted(converted) == sorted(BOTH * 2)
    assert "the next start takes as long as this one" in caplog.text
    assert str(cache) in caplog.text


def test_what_was_not_used_for_longest_makes_room(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_models, "MOST_BYTES", 1000)
    models = CompiledModels("0" * 64)
    for form, at_s in (("first", 1), ("second", 2), ("third", 3)):
        before = {*cache.glob("compiled/*")}
        models.keep(form, bytes(300))
        (path,) = {*cache.glob("compiled/*")} - before
        os.utime(path, (at_s, at_s))
    assert models.kept("first"), "and so it was used last"
    models.keep("fourth", bytes(300))
    there = [form for form in ("first", "second", "third", "fourth") if models.kept(form)]
    assert there == ["first", "third", "fourth"]
