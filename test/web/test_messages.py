"""What a page is sent, byte by byte."""

from __future__ import annotations

import json

import cv2
import numpy as np
from support.page_bench import read_picture, target

from siammask_ros.geometry.outlines import find_contours
from siammask_ros.media.drawing import DrawnTarget
from siammask_ros.web.feed import (
    STAGES,
    AnnotatedFrame,
    Latency,
    RateMeter,
    Status,
    find_free_id,
)
from siammask_ros.web.messages import encode_frame, reply, status_message


def test_a_picture_is_its_json_and_its_jpeg() -> None:
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, 80:] = (0, 0, 255)
    about = read_picture(encode_frame(AnnotatedFrame(image, 2**62, (target(0),)), 7, 90, 1280))
    assert (about["kind"], about["number"], about["stamp"]) == ("frame", 7, str(2**62))
    assert (about["width"], about["height"]) == (160, 120)
    (shown,) = about["targets"]
    assert shown["colour"] == "#e69f00"
    assert len(shown["corners"]) == 8
    decoded = cv2.imdecode(np.frombuffer(about["jpeg"], np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == image.shape
    assert np.abs(decoded[60, 120].astype(int) - (0, 0, 255)).max() < 12


def test_a_large_picture_is_sent_smaller_with_the_coordinates_of_the_large_one() -> None:
    about = read_picture(
        encode_frame(AnnotatedFrame(np.zeros((1080, 1920, 3), np.uint8), 1), 1, 80, 960)
    )
    decoded = cv2.imdecode(np.frombuffer(about["jpeg"], np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (540, 960, 3)
    assert (about["width"], about["height"], about["targets"]) == (1920, 1080, None)


def test_numbers_that_are_none_become_null() -> None:
    strange = DrawnTarget("1", "LOST", "", float("nan"), np.array([[np.inf, 1.0]] * 4))
    message = json.loads(status_message(Status("/image", targets=(strange,)), {}, 0.0))
    assert message["targets"][0]["score"] is None
    assert message["targets"][0]["corners"][:2] == [None, 1.0]


def test_a_status_holds_the_percentiles_of_the_age() -> None:
    stages = tuple(float(k) for k in range(len(STAGES)))
    latencies = tuple(Latency(stages, float(age)) for age in range(101))
    message = json.loads(status_message(Status("/image", latencies=latencies), {}, 25.0))
    assert message["latency"]["age_ms"] == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert message["latency"]["stages"] == list(STAGES)
    empty = json.loads(status_message(Status("/image"), {}, 0.0))
    assert empty["latency"]["age_ms"] == {}
    assert empty["stale_after_s"] == 1.0, "by which the page's own clock judges"


def test_a_reply_says_whether_it_is_an_error() -> None:
    assert json.loads(reply(3, text="done")) == {
        "kind": "reply",
        "to": 3,
        "ok": True,
        "text": "done",
    }
    assert not json.loads(reply(None, error="no"))["ok"]


def test_contours_filled_by_the_even_odd_rule_are_the_mask_again() -> None:
    rng = np.random.default_rng(1)
    mask = (cv2.GaussianBlur(rng.random((90, 120)).astype(np.float32), (0, 0), 4) > 0.5).astype(
        np.uint8
    )
    filled = np.zeros((120, 160), np.uint8)
    cv2.fillPoly(filled, list(find_contours(mask, (30, 20))), (1,))
    again = filled[20:110, 30:150]
    assert np.count_nonzero(again != mask) < 0.05 * mask.size, "the borders of holes are thick"
    assert find_contours(np.zeros((5, 5), np.uint8)) == ()


def test_a_rate_counts_the_last_seconds_only() -> None:
    now_s = [0.0]
    rate = RateMeter(lambda: now_s[0])
    assert (rate.hz, rate.since_s) == (0.0, None)
    for _ in range(100):
        now_s[0] += 0.04
        rate.count()
    assert abs(rate.hz - 25.0) < 0.01
    now_s[0] += 10.0
    assert rate.hz == 0.0
    assert rate.since_s == 10.0


def test_a_free_id_is_the_smallest_that_nobody_has() -> None:
    assert find_free_id(set()) == "1"
    assert find_free_id({"1", "3", "cat"}) == "2"
