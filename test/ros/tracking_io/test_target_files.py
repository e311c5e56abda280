"""~/save_target and ~/load_target over real ROS 2: found again, and nothing else can be reached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from siammask_ros.msg import Track
from siammask_ros.srv import TargetFile
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box
from support.node_bench import NODE, NodeBench
from support.session_bench import wait_until

from siammask_ros.errors import DataError
from siammask_ros.ros.tracking_io import target_files
from siammask_ros.session import Tracker
from siammask_ros.tracker.config import find_preset


def save(bench: NodeBench, name: str, target_id: str = "1") -> Any:
    request = TargetFile.Request(id=target_id, name=name)
    return bench.client.call(TargetFile, f"{NODE}/save_target", request)


def load(bench: NodeBench, name: str, target_id: str = "") -> Any:
    request = TargetFile.Request(id=target_id, name=name)
    return bench.client.call(TargetFile, f"{NODE}/load_target", request)


def until_known(bench: NodeBench, target_id: str) -> None:
    session = bench.session
    wait_until(lambda: target_id in session.health().statuses, f"{target_id} to be known")


def test_a_saved_target_is_found_again_by_another_node(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    with NodeBench(templates_dir=str(folder)) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        answer = save(bench, "my_Square-1")
        assert answer.success, answer.message
        bench.assert_tracks(2)
    (file,) = folder.iterdir()
    assert file.name == "my_Square-1.safetensors"
    with NodeBench(templates_dir=str(folder)) as bench:
        # Never by itself: the scene may be another one.
        assert bench.client.answer(3, visible=False).tracks == []
        answer = load(bench, "my_Square-1", "again")
        message = "target 'again' loaded; it is LOST until it is found"
        assert (answer.success, answer.message) == (True, message)
        until_known(bench, "again")
        (track,) = bench.client.answer(3, visible=False).tracks
        assert (track.id, track.state, track.mask_area) == ("again", Track.LOST, 0)
        for index in (3, 4):
            bench.client.answer(index)
        bench.assert_tracks(5, "again")


def test_an_id_is_picked_for_a_target_that_is_loaded_without_one(tmp_path: Path) -> None:
    with NodeBench(templates_dir=str(tmp_path)) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        assert save(bench, "a").success
        assert load(bench, "a").message == "target '2' loaded; it is LOST until it is found"
        until_known(bench, "2")
        bench.assert_tracks(2, "1")


def test_without_a_folder_nothing_is_saved_or_loaded() -> None:
    with NodeBench() as bench:
        bench.started(0)
        for answer in (save(bench, "a"), load(bench, "a")):
            assert not answer.success
            assert "templates_dir" in answer.message
        bench.assert_tracks(1)


def test_nobody_on_the_network_can_choose_the_folder(tmp_path: Path) -> None:
    with NodeBench(templates_dir=str(tmp_path / "mine")) as bench:
        (answer,) = bench.client.set_parameters(templates_dir=str(tmp_path / "elsewhere"))
        assert not answer.successful
        bench.started(0)
        assert save(bench, "a").success
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../a", "/etc/passwd", "a/b", "a.b", "a b", "ä", "a\n", "a\0", "a" * 65, "~"],
)
def test_a_name_that_is_more_than_a_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 to 64 of the characters"):
        target_files.build_path(str(tmp_path), name)


def test_refusals_are_told_and_the_target_goes_on(tmp_path: Path) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(b"\0" * 500)
    (tmp_path / "large.safetensors").write_bytes(b"\0" * (target_files.MOST_BYTES + 1))
    (tmp_path / "folder.safetensors").mkdir()
    with NodeBench(templates_dir=str(tmp_path)) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        assert save(bench, "a").success
        content = (tmp_path / "a.safetensors").read_bytes()
        for answer, words in (
            (save(bench, "a"), "exists already"),
            (save(bench, "../b"), "name is '../b'"),
            (save(bench, "b", "nobody"), "no such target: 'nobody'"),
            (load(bench, "nothing"), "there is no such file"),
            (load(bench, "folder"), "there is no such file"),
            (load(bench, "damaged"), "not a saved target"),
            (load(bench, "large"), "more than 1048576 bytes"),
        ):
            assert not answer.success
            assert words in answer.message
        assert (tmp_path / "a.safetensors").read_bytes() == content
        answer = bench.assert_tracks(2)
        assert [track.id for track in answer.tracks] == ["1"]
    assert not (tmp_path / "b.safetensors").exists()


def test_a_target_of_other_weights_is_refused(tmp_path: Path) -> None:
    with NodeBench(templates_dir=str(tmp_path)) as bench:
        bench.started(0)
        assert save(bench, "a").success
    other = FakeEngine()
    other.info = replace(other.info, sha256="ab" * 32)
    with NodeBench(other, templates_dir=str(tmp_path)) as bench:
        bench.started(0)
        answer = load(bench, "a")
        assert not answer.success
        assert "weights 000000000000…, but the engine has abababababab…" in answer.message
        bench.assert_tracks(1)


def test_no_more_targets_are_loaded_than_are_allowed(tmp_path: Path) -> None:
    with NodeBench(templates_dir=str(tmp_path), max_targets=1) as bench:
        assert "no image has arrived yet" in load_of_saved(bench, tmp_path).message
        bench.started(0)
        assert "1 targets are already active" in load(bench, "a").message
        assert load(bench, "a", "1").success
        # A loaded target is LOST until it is found on confirm_frames images in a row.
        for index in (1, 2, 3):
            bench.client.answer(index)
        bench.assert_tracks(4)


def load_of_saved(bench: NodeBench, folder: Path) -> Any:
    """Loads a target that another tracker has left there."""
    tracker = Tracker(FakeEngine(), find_preset("lite"))
    (state,) = tracker.start(picture(0), [square_box(0)])
    (folder / "a.safetensors").write_bytes(tracker.save(state).to_bytes())
    return load(bench, "a")


def test_a_full_folder_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_files, "MOST_FILES", 2)
    for name in ("a", "b"):
        target_files.write_file(target_files.build_path(str(tmp_path), name), b"x")
    with pytest.raises(DataError, match="already has 2 targets"):
        target_files.write_file(target_files.build_path(str(tmp_path), "c"), b"x")


def test_before_the_node_is_active_its_state_is_the_answer(tmp_path: Path) -> None:
    with NodeBench(active=False, templates_dir=str(tmp_path)) as bench:
        answer = load(bench, "a")
        assert not answer.success
        assert "node is unconfigured" in answer.message
