"""A target as a file: the same after a round trip, and everything else is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save
from support.fake_engine import FakeEngine
from support.moving_square import picture, square_box, square_center

from siammask_ros.errors import DataError
from siammask_ros.tracker.config import find_preset
from siammask_ros.tracker.saved_target import SavedTarget
from siammask_ros.tracker.targets import Status
from siammask_ros.tracker.tracker import Tracker

# A lost target is taken back after so many looks at the latest.
LOOKS = 5


def tracker(sha256: str = "ab" * 32) -> Tracker:
    engine = FakeEngine()
    engine.info = replace(engine.info, sha256=sha256)
    return Tracker(engine, find_preset("lite"))


def saved() -> SavedTarget:
    ours = tracker()
    (state,) = ours.start(picture(0), [square_box(0)])
    return ours.save(state)


def saved_after_a_frame() -> SavedTarget:
    """With the colours of its first mask."""
    ours = tracker()
    _, (state,) = ours.step(picture(1), ours.start(picture(0), [square_box(0)]))
    return ours.save(state)


CONTENT = saved().to_bytes()
COLOURED = saved_after_a_frame().to_bytes()


def test_a_target_is_the_same_after_a_round_trip() -> None:
    before, after = saved(), SavedTarget.from_bytes(CONTENT)
    assert np.array_equal(after.template_bgr, before.template_bgr)
    assert after.template_bgr.shape == (127, 127, 3)
    assert np.array_equal(after.fill_bgr, before.fill_bgr)
    assert (after.box, after.sha256) == (before.box, "ab" * 32)
    assert after.to_bytes() == CONTENT


def test_its_colours_are_saved_once_they_are_known() -> None:
    assert SavedTarget.from_bytes(CONTENT).color_histogram is None
    before, after = saved_after_a_frame(), SavedTarget.from_bytes(COLOURED)
    assert before.color_histogram is not None
    assert after.color_histogram is not None
    assert np.array_equal(after.color_histogram, before.color_histogram)
    assert after.to_bytes() == COLOURED


def test_a_resumed_target_is_not_taken_for_one_of_other_colours() -> None:
    ours, target = tracker(), SavedTarget.from_bytes(COLOURED)
    state = ours.resume(target, picture(3))
    # Near enough for the engine, which asks for the template's colour only about.
    other = (picture(3) + np.array([25, 0, -25])).clip(0, 255).astype(np.uint8)
    for _ in range(LOOKS):
        (result,), (state,) = ours.step(other, [state])
        assert result.status == Status.LOST
    assert "colour similarity" in result.reason
    for _ in range(LOOKS):
        (result,), (state,) = ours.step(picture(3), [state])
    assert result.status == Status.TRACKING


def test_a_resumed_target_is_lost_until_a_picture_shows_it() -> None:
    ours = tracker()
    state = ours.resume(SavedTarget.from_bytes(CONTENT), picture(3))
    assert (state.status, state.reason) == (Status.LOST, "loaded from a file; not found yet")
    (result,), (state,) = ours.step(picture(2, visible=False), [state])
    assert result.status == Status.LOST
    assert result.mask is None
    for _ in range(LOOKS):
        (result,), (state,) = ours.step(picture(3), [state])
    assert result.status == Status.TRACKING
    assert (result.box.x, result.box.y) == pytest.approx(square_center(3), abs=4)


def test_it_is_looked_for_inside_a_smaller_picture() -> None:
    there = replace(SavedTarget.from_bytes(CONTENT), box=square_box(200))
    state = tracker().resume(there, picture(0, width=100, height=80))
    assert state.center_in_image == (100, 80)


def test_a_target_of_other_weights_is_refused_with_both_hashes() -> None:
    with pytest.raises(DataError, match=r"weights abababababab…, but the engine has 000000000000…"):
        tracker("00" * 32).resume(SavedTarget.from_bytes(CONTENT), picture(0))


def test_a_template_of_another_size_is_refused() -> None:
    small = replace(saved(), template_bgr=np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(DataError, match=r"\(64, 64, 3\); expected \(127, 127, 3\)"):
        tracker().resume(small, picture(0))


def with_array(name: str, array: np.ndarray) -> bytes:
    arrays = load(CONTENT)
    arrays[name] = array
    return save(arrays)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(CONTENT[:100], id="cut-in-the-header"),
        pytest.param(CONTENT[:-1], id="cut-short"),
        pytest.param(CONTENT + b"x", id="too-long"),
        pytest.param(b"<html></html>" * 100, id="a-web-page"),
        pytest.param(b"\xff" * 64, id="a-huge-header"),
        pytest.param(save({}), id="nothing-in-it"),
        pytest.param(save({"a": np.zeros(3)}), id="other-weights"),
        pytest.param(with_array("more", np.zeros(3)), id="one-more"),
        pytest.param(with_array("box", np.zeros(5, np.float32)), id="another-type"),
        pytest.param(with_array("fill_bgr", np.zeros(4)), id="another-shape"),
        pytest.param(with_array("template_bgr", np.zeros((9, 9), np.uint8)), id="no-colours"),
        pytest.param(with_array("box", np.zeros(5)), id="not-the-hash"),
    ],
)
def test_a_file_that_is_no_saved_target_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"damaged|not a saved target"):
        SavedTarget.from_bytes(content)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1e9, -1.0])
def test_numbers_that_no_target_has_are_refused(number: float) -> None:
    box = replace(square_box(0), width=number)
    with pytest.raises(DataError, match="are out of range"):
        SavedTarget.from_bytes(replace(saved(), box=box).to_bytes())


@pytest.mark.parametrize("share", [float("nan"), -0.5, 2.0])
def test_colours_that_are_no_shares_are_refused(share: float) -> None:
    colours = np.zeros_like(saved_after_a_frame().color_histogram)
    colours[0], colours[1] = share, 1 - share if share < 1 else 0
    with pytest.raises(DataError, match="are out of range"):
        SavedTarget.from_bytes(replace(saved(), color_histogram=colours).to_bytes())


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(1, 255)), min_size=1))
def test_no_damage_goes_unnoticed(damage: list[tuple[int, int]]) -> None:
    content = bytearray(CONTENT)
    for at, change in damage:
        content[at] ^= change
    try:
        read = SavedTarget.from_bytes(bytes(content))
    except DataError:
        return
    # Spaces of the header may become others; what it holds is the same then.
    assert read.to_bytes() == CONTENT
