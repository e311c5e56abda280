"""What the demo plays: its own video, the user's, or a word on what is missing."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from siammask_ros.demo import plan
from siammask_ros.demo.plan import Plan, find_config, make_plan
from siammask_ros.errors import DataError
from siammask_ros.geometry.boxes import RotatedBox, validate_init_box


def test_own_video_is_installed_and_its_box_lies_in_it() -> None:
    own = make_plan(None, None)
    source = own.open()
    height, width = source.size
    box = RotatedBox.from_xywh(own.box_xywh)
    assert validate_init_box(box, width, height) == box, "inside, and not clipped"
    assert source.length == own.last - own.first + 1
    assert own.fits_in_memory
    assert own.about


def test_own_video_has_no_cut_in_its_stretch() -> None:
    own = make_plan(None, None)
    thumbnails = [frame.image_bgr[::16, ::16].astype(int) for frame in own.open()]
    changes = [abs(b - a).mean() for a, b in pairwise(thumbnails)]
    assert max(changes) < 40


def test_own_video_with_another_box() -> None:
    assert make_plan(None, (1, 2, 30, 40)).box_xywh == (1, 2, 30, 40)
    assert make_plan(None, (1, 2, 30, 40)).source == make_plan(None, None).source


def test_a_video_of_ones_own_is_played_whole() -> None:
    assert make_plan("cat.mp4", (1, 2, 30, 40)) == Plan(Path("cat.mp4"), (1, 2, 30, 40), 0, None)


def test_a_video_without_a_box_is_refused() -> None:
    with pytest.raises(DataError, match="--box x,y,w,h"):
        make_plan("cat.mp4", None)


def test_missing_video_package_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    text = find_config("demo.yaml").read_text().replace("package: ", "package: not_")
    (tmp_path / "config" / "demo.yaml").write_text(text)
    monkeypatch.setattr(plan, "_PACKAGE_ROOT", tmp_path)
    with pytest.raises(DataError, match="is not installed; run `make setup`"):
        make_plan(None, None)


def test_installed_config_is_found_by_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "prefix" / "share" / "siammask_ros" / "config"
    folder.mkdir(parents=True)
    (folder / "demo.yaml").write_text("about: installed")
    monkeypatch.setattr(plan, "_PACKAGE_ROOT", tmp_path)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "prefix"))
    assert find_config("demo.yaml").read_text() == "about: installed"
    with pytest.raises(DataError, match=r"config/none\.yaml is not installed"):
        find_config("none.yaml")
