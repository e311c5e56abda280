"""Rows C3, C5, C6, D1 to D6, E6, A10 and I2 over real ROS 2: the engine behind the node."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sensor_msgs.msg import Image
from support.fake_engine import FakeEngine
from support.moving_square import picture
from support.node_bench import NODE, NodeBench, assert_on_square
from support.session_bench import wait_until

from siammask_ros.engines.registry import EngineConfig, open_engine
from siammask_ros.model.checkpoint import load_network
from siammask_ros.ros.tracking_io.messages import build_image

ERROR, WARN, OK = 2, 1, 0


def test_a10_an_encoding_that_changes_loses_nothing() -> None:
    with NodeBench() as bench:
        bench.started(0)
        for index, encoding in enumerate(("bgr8", "rgb8", "bgr8"), start=1):
            header = bench.client.header()
            message: Image = build_image(header, picture(index)[..., :: _order(encoding)].copy())
            message.encoding = encoding
            bench.client.images.publish(message)
            assert_on_square(bench.client.of_stamp(f"{NODE}/tracks", header), index)


def _order(encoding: str) -> int:
    return 1 if encoding == "bgr8" else -1


def test_c3_a_node_without_memory_is_an_error_and_tracks_after_the_next_activate() -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.engine.script.extend(["memory"] * 6)
        session = bench.session
        assert session is not None
        for failed in (1, 2, 3):
            bench.client.send(failed + 1)
            wait_until(lambda: session.health().failed == failed, "the frame")  # noqa: B023
        bench.client.wait_for_status("inference", ERROR, "3 frames in a row failed")
        assert bench.client.change_state("deactivate")
        assert bench.client.change_state("activate")
        bench.wait_for_topics()
        bench.started(5)
        bench.assert_tracks(6)


@pytest.mark.parametrize("script", [["ok", "raise"], ["memory"]], ids=str)
def test_c6_what_fails_in_the_first_frames_fails_in_configure(script: list[str]) -> None:
    with NodeBench(FakeEngine(script), active=False) as bench:
        assert not bench.client.change_state("configure")
        bench.client.wait_for_status("inference", ERROR, "configure failed: scripted failure")
        bench.activate()
        bench.started(0)
        bench.assert_tracks(1)


def test_c4_a_device_that_is_lost_in_configure_ends_the_process() -> None:
    with NodeBench(FakeEngine(["lost"]), active=False) as bench:
        ended: list[bool] = []
        bench.node.on_engine_lost(lambda: ended.append(bench.node.is_engine_lost))
        assert not bench.client.change_state("configure")
        assert ended == [True]


def broken_checkpoints(folder: Path) -> Iterator[tuple[str, str]]:
    """Files that are refused, each with words of the refusal."""
    weights, _ = load_network("", "lite")
    tensors = weights.state_dict()
    yield str(folder / "d1_missing.pth"), f"{folder / 'd1_missing.pth'} cannot be read"
    yield str(folder), "is a directory"
    for name, content, words in (
        ("d2_empty.pth", b"", "is empty"),
        ("d2_page.pth", b"<!DOCTYPE html><html>404", "web page"),
        ("d2_pointer.pth", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ):
        (folder / name).write_bytes(content)
        yield str(folder / name), words
    name = "rpn_model.loc.head.3.bias"
    spoilt = {**tensors, name: torch.full_like(tensors[name], math.nan)}
    for file, made, words in (
        ("d3_pickle.pth", {"state_dict": tensors, "run": Payload()}, "nothing of it was executed"),
        ("d4_keys.pth", {"x.weight": torch.ones(1)}, "does not fit model lite"),
        ("d5_nan.pth", spoilt, f"not finite in {name}"),
    ):
        torch.save(made, folder / file)
        yield str(folder / file), words


class Payload:
    """Raises when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('executed')",)


def test_d1_d2_d3_d4_d5_d6_the_node_stays_unconfigured_until_the_file_is_right(
    tmp_path: Path,
) -> None:
    def open_eager(config: EngineConfig) -> Any:
        return open_engine(replace(config, engine="eager"))

    with NodeBench(active=False, open_engine=open_eager, max_targets=1) as bench:
        client = bench.client
        refused = [({"checkpoint": path}, words) for path, words in broken_checkpoints(tmp_path)]
        refused.append(({"checkpoint": "", "expected_sha256": "0" * 64}, "expected " + "0" * 64))
        for values, words in refused:
            assert all(answer.successful for answer in client.set_parameters(**values))
            assert not client.change_state("configure"), words
            assert words in bench.node._failure
        client.wait_for_status("inference", ERROR, "node is unconfigured: configure failed")
        assert client.set_parameters(expected_sha256="")[0].successful
        bench.activate()
        bench.started(0)
        bench.assert_tracks(1)


def test_e6_a_camera_that_was_away_for_long_loses_the_target_and_a_new_box_works() -> None:
    with NodeBench(frame_timeout_s=0.2, gap_s=0.6) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.client.wait_for_status("image stream", ERROR, "no image for")
        time.sleep(0.6)
        (track,) = bench.client.answer(2).tracks
        assert track.state == track.LOST
        assert track.reason.startswith("no image for ")
        bench.started(3, "2")
        bench.assert_tracks(4, "2")

        def is_fine() -> bool:
            bench.client.answer(4)
            status = bench.client.status("image stream")
            return status is not None and status.level == bytes([OK])

        wait_until(is_fine, "the image stream to be fine again")


def test_i2_nothing_is_ok_while_everything_stands_still() -> None:
    with NodeBench(frame_timeout_s=0.3, inference_timeout_s=0.3) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.engine.script.append("hang")
        bench.client.send(2)
        bench.client.wait_for_status("inference", ERROR, "the current inference has been running")
        bench.client.wait_for_status("image stream", ERROR, "no image for")
        heard = bench.client.heard["/diagnostics"]
        count = len(heard)
        wait_until(lambda: len(heard) >= count + 3, "three more diagnostics")
        for message in heard[count:]:
            stream, inference, targets = message.status
            assert bytes([OK]) not in (stream.level, inference.level, targets.level)
        bench.engine.released.set()
        bench.assert_tracks(3)
