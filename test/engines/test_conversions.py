"""Converted networks are kept in the cache, taken again only where they are the same and whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_inputs import LITE, crops
from random_network import lively_network

from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.conversions import MOST_KEPT, conversion_of, make_room
from siammask_ros.engines.parts import MaskPart, SearchPart
from siammask_ros.model.siammask import SiamMask

openvino_rt = pytest.importorskip(
    "siammask_ros.engines.openvino_rt", reason="OpenVINO is not installed"
)
INFO = EngineInfo("test", "cpu", "fp32", "none", "0" * 64)


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


def answer(network: SiamMask) -> list[np.ndarray]:
    engine = openvino_rt.OpenVinoEngine(network, INFO, threads=0)
    response = engine.search(engine.template(crops(1, 127)), crops(1, 255))
    masks = engine.refine(response, np.array([12]), np.array([12]))
    return [response.score[0], response.box[0], masks.values]


def test_a_network_is_converted_once(cache: Path, converted: list[str]) -> None:
    network = lively_network(LITE)
    first, again = answer(network), answer(network)
    assert converted == ["SearchPart", "MaskPart"]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_other_numbers_are_another_network(cache: Path) -> None:
    network = lively_network(LITE)
    place = conversion_of(SearchPart(network), "test")
    assert conversion_of(SearchPart(network), "test") == place
    assert conversion_of(MaskPart(network), "test") != place
    assert conversion_of(SearchPart(network), "test 2") != place
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 1e-3
    assert conversion_of(SearchPart(network), "test") != place


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("name", "damage"), [("model.bin", cut), ("model.xml", Path.unlink), ("about.json", cut)]
)
def test_a_damaged_one_is_replaced(
    cache: Path, converted: list[str], name: str, damage: Callable[[Path], None]
) -> None:
    network = lively_network(LITE)
    first = answer(network)
    for path in cache.glob(f"converted/*/{name}"):
        damage(path)
    again = answer(network)
    assert converted == ["SearchPart", "MaskPart"] * 2
    answer(network)
    assert converted == ["SearchPart", "MaskPart"] * 2
    for one, other in zip(first, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_where_nothing_can_be_kept_it_runs_and_says_so(
    cache: Path, converted: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where the folder should be")
    network = lively_network(LITE)
    answer(network)
    answer(network)
    assert converted == ["SearchPart", "MaskPart"] * 2
    assert "the converted network is not kept" in caplog.text
    assert str(cache) in caplog.text


def test_those_that_were_not_used_for_longest_make_room(cache: Path) -> None:
    folders = [cache / "converted" / f"{number:02}" for number in range(MOST_KEPT + 3)]
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True)
        (folder / "model.bin").write_bytes(b"numbers")
        os.utime(folder, (number, number))
    os.utime(folders[1])
    make_room()
    assert sorted((cache / "converted").iterdir()) == [folders[1], *folders[4:]]
