"""What was fetched is compared with its record at every use, and a name leads to it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from siammask_ros.engines.registry import EngineConfig, open_engine
from siammask_ros.errors import CheckpointError, ConfigError
from siammask_ros.model.checkpoint import read_checkpoint
from siammask_ros.model.variants import VARIANTS
from siammask_ros.tracker.config import PRESETS
from siammask_ros.weights_cache.cache import CachedFile, cache_folder, locate_checkpoint
from siammask_ros.weights_cache.catalogue import WEIGHTS
from siammask_ros.weights_cache.download_record import DownloadRecord


@pytest.fixture
def fetched(davis: CachedFile, content: bytes, monkeypatch: pytest.MonkeyPatch) -> CachedFile:
    """Weights as a fetch leaves them, in the user's cache."""
    monkeypatch.setenv("SIAMMASK_CACHE", str(davis.folder))
    davis.folder.mkdir()
    davis.path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    record = DownloadRecord(
        "http://127.0.0.1/x.pth", "2024-01-01T00:00:00+00:00", len(content), digest
    )
    record.write(davis.record_path)
    return davis


def test_every_name_has_a_model_and_settings_that_exist() -> None:
    assert list(WEIGHTS) == ["davis", "vot", "vot_ld"]
    assert len({weights.file for weights in WEIGHTS.values()}) == len(WEIGHTS)
    for weights in WEIGHTS.values():
        assert weights.model in VARIANTS
        assert weights.preset in PRESETS
        assert weights.address == f"http://www.robots.ox.ac.uk/~qwang/{weights.file}"


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "siammask"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / "home" / ".cache" / "siammask"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "siammask"
    monkeypatch.setenv("SIAMMASK_CACHE", "~/own")
    assert cache_folder() == tmp_path / "home" / "own"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ConfigError, match="set SIAMMASK_CACHE"):
        cache_folder()


def test_a_flipped_bit_is_found_at_every_use(fetched: CachedFile, content: bytes) -> None:
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    fetched.path.write_bytes(damaged)
    assert fetched.state() == "damaged"
    with pytest.raises(CheckpointError, match="has changed since it was fetched"):
        fetched.verify()
    with pytest.raises(CheckpointError, match="SHA-256"):
        read_checkpoint(*locate_checkpoint("davis", "resnet50"))
    fetched.path.write_bytes(content)
    assert fetched.verify() == fetched.path
    assert read_checkpoint(*locate_checkpoint("davis", "resnet50")).tensors


def test_what_was_not_fetched_says_how_to(davis: CachedFile) -> None:
    with pytest.raises(CheckpointError, match="siammask weights fetch davis"):
        davis.verify()
    assert davis.state() == "not fetched"


def test_a_file_without_a_record_is_not_trusted(fetched: CachedFile) -> None:
    fetched.record_path.unlink()
    with pytest.raises(CheckpointError, match=r"no SiamMask_DAVIS\.pth\.json beside it"):
        fetched.verify()
    assert fetched.state() == "damaged"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"address": "x", "fetched_at": "x", "size_bytes": 1, "sha256": "12"}',
        '{"address": "x", "fetched_at": "x", "size_bytes": "1", "sha256": "%s"}' % ("0" * 64),
        '{"address": "x", "fetched_at": "x", "size_bytes": 1, "sha256": null}',
        "\x00\xff",
    ],
)
def test_a_damaged_record_is_named(text: str, fetched: CachedFile) -> None:
    fetched.record_path.write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"SiamMask_DAVIS\.pth\.json is damaged"):
        fetched.verify()
    assert fetched.state() == "damaged"


def test_a_folder_in_the_files_place_is_no_weights(fetched: CachedFile) -> None:
    fetched.path.unlink()
    fetched.path.mkdir()
    with pytest.raises(CheckpointError, match="cannot be read"):
        fetched.verify()


def test_a_name_is_a_path_and_the_remembered_hash(fetched: CachedFile) -> None:
    remembered = json.loads(fetched.record_path.read_text())["sha256"]
    assert locate_checkpoint("davis", "resnet50") == (str(fetched.path), remembered)
    assert locate_checkpoint("davis", "resnet50", "abc") == (str(fetched.path), "abc")


@pytest.mark.parametrize("checkpoint", ["", "./davis", "other.pth", "/data/davis"])
def test_anything_else_is_left_as_it_is(checkpoint: str) -> None:
    assert locate_checkpoint(checkpoint, "lite", "abc") == (checkpoint, "abc")


def test_an_engine_takes_the_name(fetched: CachedFile) -> None:
    """The small file is found and read; that it is no whole network is the next refusal."""
    with pytest.raises(CheckpointError, match=r"SiamMask_DAVIS\.pth does not fit model resnet50"):
        open_engine(EngineConfig(model="resnet50", checkpoint="davis"))


def test_an_engine_refuses_weights_that_were_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIAMMASK_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="siammask weights fetch vot_ld"):
        open_engine(EngineConfig(model="resnet50", checkpoint="vot_ld"))


def test_weights_of_another_model_are_refused(fetched: CachedFile) -> None:
    with pytest.raises(ConfigError, match="davis is for model resnet50, and model is lite"):
        open_engine(EngineConfig(checkpoint="davis"))
