"""Compiled models are kept in the cache, and taken again only where they are the same and whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.engine_inputs import LITE, crops
from support.random_network import lively_network, random_network, random_weights, source_of

from siammask_ros.engines import compiled_models, network_source
from siammask_ros.engines.base import EngineInfo
from siammask_ros.engines.compiled_models import CompiledModels
from siammask_ros.engines.network_source import NetworkSource, digest_of
from siammask_ros.engines.parts import Part
from siammask_ros.errors import CheckpointError
from siammask_ros.model.checkpoint import save_network
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.weights_file import read_weights_file

openvino_rt = pytest.importorskip(
    "siammask_ros.engines.openvino_rt", reason="OpenVINO is not installed"
)
openvino_conversion = pytest.importorskip("siammask_ros.engines.openvino_conversion")
INFO = EngineInfo("test", "cpu", "fp32", "none", "0" * 64)
ALL = ["MaskPart", "SearchPart", "TemplatePart"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIAMMASK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were converted since."""
    parts: list[str] = []
    convert = openvino_conversion.convert

    def counted(part: Part) -> object:
        parts.append(type(part).__name__)
        return convert(part)

    monkeypatch.setattr(openvino_conversion, "convert", counted)
    return parts


def answer(network: SiamMask, items: int = 1) -> list[np.ndarray]:
    engine = openvino_rt.OpenVinoEngine(source_of(network), INFO, threads=0)
    response = engine.search(engine.template(crops(items, 127)), crops(items, 255))
    cells = np.full(items, 12)
    masks = engine.refine(response, cells, cells)
    return [np.array(response.score), np.array(response.box), masks.values]


def test_a_network_is_converted_once_for_all_its_forms(cache: Path, converted: list[str]) -> None:
    network = lively_network(LITE)
    first, two = answer(network), answer(network, items=2)
    # The second run compiles for several; templates are always computed one by one.
    expected = sorted([*ALL, "MaskPart", "SearchPart"])
    assert sorted(converted) == expected
    again, two_again = answer(network), answer(network, items=2)
    assert sorted(converted) == expected
    for one, other in zip([*first, *two], [*again, *two_again], strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_weights_another_model_or_another_source_is_another_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = digest_of("0" * 64, "lite")
    assert digest_of("0" * 64, "lite") == digest
    assert digest_of("1" * 64, "lite") != digest
    assert digest_of("0" * 64, "resnet50") != digest
    sources = [tmp_path / path.name for path in network_source._SOURCES]
    for copy, path in zip(sources, network_source._SOURCES, strict=True):
        copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(network_source, "_SOURCES", sources)
    assert digest_of("0" * 64, "lite") == digest
    sources[0].write_text("# changed\n")
    assert digest_of("0" * 64, "lite") != digest


def test_the_variant_of_a_file_is_kept_so_that_it_is_not_loaded_again(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = random_network("resnet50_box")
    path = tmp_path / "box_only.safetensors"
    save_network(network, path, {})
    info = replace(INFO, sha256=read_weights_file(path).sha256)
    first = NetworkSource.of(path, "resnet50", info)
    assert first.variant.name == "resnet50_box"
    monkeypatch.setattr(network_source, "_load", lambda *parts: pytest.fail("was loaded again"))
    assert NetworkSource.of(path, "resnet50", info).variant == first.variant
    on_gpu = NetworkSource.of(path, "resnet50", replace(info, device="cuda:1")).variant
    assert on_gpu.small_search_size == on_gpu.search_size == first.variant.search_size


def test_weights_that_were_replaced_since_are_not_loaded_in_their_place(
    cache: Path, tmp_path: Path
) -> None:
    path = random_weights(tmp_path)
    info = replace(INFO, sha256=read_weights_file(path).sha256)
    source = NetworkSource.of(path, "lite", info)
    random_weights(tmp_path, seed=1).replace(path)
    other = NetworkSource.of(path, "lite", replace(info, sha256=read_weights_file(path).sha256))
    assert other.digest != source.digest
    with pytest.raises(CheckpointError, match="has SHA-256"):
        NetworkSource.of(path, "lite", info).load()


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
    assert models.find("a form") is None
    models.keep("a form", bytes(range(256)))
    models.keep("another", b"model")
    assert models.find("a form") == bytes(range(256))
    for path in (cache / "compiled").iterdir():
        damage(path)
    assert models.find("a form") is None
    models.keep("a form", b"made anew")
    assert models.find("a form") == b"made anew"
    assert CompiledModels("1" * 64).find("a form") is None


def test_what_openvino_does_not_take_is_compiled_anew(
    cache: Path, converted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = lively_network(LITE)
    with monkeypatch.context() as patch:
        patch.setattr(CompiledModels, "find", lambda self, form: b"of another build" * 9)
        first = answer(network)
    assert sorted(converted) == ALL
    for one, other in zip(first, answer(network), strict=True):
        np.testing.assert_array_equal(one, other)
    assert sorted(converted) == ALL


def test_where_nothing_can_be_kept_it_runs_and_says_so(
    cache: Path, converted: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("a file where the folder should be")
    network = lively_network(LITE)
    answer(network)
    answer(network)
    assert sorted(converted) == sorted(ALL * 2)
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
    assert models.find("first"), "and so it was used last"
    models.keep("fourth", bytes(300))
    there = [form for form in ("first", "second", "third", "fourth") if models.find(form)]
    assert there == ["first", "third", "fourth"]
