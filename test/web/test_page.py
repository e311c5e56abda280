"""The page in a real browser: what it shows, and how a box is drawn; row K10 among it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.page_bench import PageBench, target
from support.page_screen import WAIT_S, on_screen, stamp_shown, wait_for_text
from support.session_bench import wait_until

from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import open_source
from siammask_ros.web.feed import Diagnostic


def test_pictures_move_and_the_state_is_told_in_words(page: Any, bench: PageBench) -> None:
    stamps = [int(stamp_shown(page)) for _ in range(5)]
    assert stamps == sorted(set(stamps))
    wait_for_text(page, "#targets li[data-id='1'] .state", "TRACKING")
    wait_for_text(page, "#link", "live")
    drawn = page.evaluate(
        """() => { const { width, height } = document.getElementById("image");
            return [width, height]; }"""
    )
    assert drawn == [320, 240]
    wait_for_text(page, "#guide", "Tracking target 1.")


def test_a_mouse_draws_a_box_on_the_picture_that_stood_still(page: Any, bench: PageBench) -> None:
    bench.feed.now = replace(bench.feed.now, box_timeout_s=30.0)
    page.wait_for_timeout(400)
    page.mouse.move(*on_screen(page, 100, 80))
    page.mouse.down()
    wait_for_text(page, "#guide", "then release")
    frozen = page.evaluate("() => document.getElementById('image').toDataURL()")
    page.mouse.move(*on_screen(page, 130, 110), steps=3)
    page.wait_for_timeout(500)
    assert frozen == page.evaluate("() => document.getElementById('image').toDataURL()")
    page.mouse.move(*on_screen(page, 150, 140), steps=3)
    page.mouse.up()
    wait_until(lambda: bench.feed.commands, "the box", WAIT_S)
    ((what, box, target_id, stamp_ns),) = bench.feed.commands
    assert (what, target_id) == ("follow", "")
    assert box == pytest.approx((100, 80, 50, 60), abs=1.5)
    assert 0 < stamp_ns < int(stamp_shown(page)), "that of the picture that stood still"


def test_a_finger_draws_a_box_too(page: Any, bench: PageBench) -> None:
    bench.feed.now = replace(bench.feed.now, box_timeout_s=30.0)
    page.wait_for_timeout(400)
    touch = page.context.new_cdp_session(page)
    points = [on_screen(page, 60, 50), on_screen(page, 90, 90), on_screen(page, 120, 130)]
    for kind, places in (
        ("touchStart", points[:1]),
        ("touchMove", points[1:2]),
        ("touchMove", points[2:]),
        ("touchEnd", []),
    ):
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in places]},
        )
    wait_until(lambda: bench.feed.commands, "the box", WAIT_S)
    assert bench.feed.commands[0][1] == pytest.approx((60, 50, 60, 80), abs=1.5)
    page.touchscreen.tap(*on_screen(page, 200, 100))
    wait_for_text(page, "#toast", "Drag from one corner")
    assert len(bench.feed.commands) == 1


def test_a_box_that_took_too_long_is_put_to_the_live_picture(page: Any, bench: PageBench) -> None:
    bench.feed.now = replace(bench.feed.now, box_timeout_s=0.5)
    page.wait_for_timeout(400)
    page.mouse.move(*on_screen(page, 100, 80))
    page.mouse.down()
    page.mouse.move(*on_screen(page, 150, 140), steps=3)
    page.wait_for_timeout(600)
    page.mouse.up()
    wait_for_text(page, "#guide", "Track this")
    assert not bench.feed.commands
    before = int(stamp_shown(page))
    page.get_by_role("button", name="Track this").click()
    wait_until(lambda: bench.feed.commands, "the box", WAIT_S)
    _, box, _, stamp_ns = bench.feed.commands[0]
    assert box == pytest.approx((100, 80, 50, 60), abs=1.5)
    assert stamp_ns >= before


def test_keys_draw_a_box_and_a_screen_reader_hears_of_it(page: Any, bench: PageBench) -> None:
    page.locator("#stage").focus()
    page.keyboard.press("Enter")
    wait_for_text(page, "#guide", "Move the box to the target")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    wait_for_text(page, "#announce", "Box 85 by 77 at 125, 89.")
    page.keyboard.press("Enter")
    wait_until(lambda: bench.feed.commands, "the box", WAIT_S)
    assert bench.feed.commands[0][1] == pytest.approx((125, 89, 85, 77), abs=1e-6)
    page.keyboard.press("Enter")
    wait_for_text(page, "#guide", "Move the box to the target")
    page.keyboard.press("Escape")
    wait_for_text(page, "#guide", "Tracking target 1.")
    assert len(bench.feed.commands) == 1
    assert page.locator("#guide").get_attribute("role") == "status"


def test_buttons_ask_for_what_they_say(page: Any, bench: PageBench) -> None:
    bench.feed.now = replace(bench.feed.now, targets=(target(0),))
    page.get_by_role("button", name="Forget target 1").click()
    page.get_by_role("button", name="Forget all").click()
    page.get_by_role("button", name="Pause").click()
    wait_until(lambda: len(bench.feed.commands) == 3, "three commands", WAIT_S)
    assert bench.feed.commands == [("forget", "1"), ("reset",), ("pause", True)]
    bench.feed.now = replace(bench.feed.now, paused=True)
    wait_for_text(page, "#guide", "Paused")
    bench.feed.refusal = "the tracker is not there; start it"
    page.get_by_role("button", name="Resume").click()
    wait_for_text(page, "#toast", "the tracker is not there; start it")


def test_what_is_wrong_is_said_on_top(page: Any, bench: PageBench) -> None:
    good = bench.feed.now
    bench.feed.now = replace(good, since_frame_s=3.0, targets=(target(0, state="STALE"),))
    wait_for_text(page, "#guide", "No image for 3.0 s. Check the camera.")
    wait_for_text(page, "#cover-title", "Not live")
    bench.feed.now = replace(good, is_tracker_there=False)
    wait_for_text(page, "#guide", "The tracker is not running.")
    bench.feed.now = replace(good, problem="image refused: encoding 'x' is not supported")
    wait_for_text(page, "#guide", "image refused: encoding 'x'")
    sentence = "10 frames in a row failed: out of memory"
    bench.feed.now = replace(good, diagnostics=(Diagnostic(2, "tracker: inference", sentence),))
    wait_for_text(page, "#guide", sentence)
    wait_for_text(page, "#diagnostics li[data-level='ERROR']", sentence)
    bench.feed.now = good
    wait_for_text(page, "#guide", "Tracking target 1.")
    assert page.locator("#cover").is_hidden()


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ((), "Drag a box around a target."),
        ((target(0, "A"), target(3, "b")), "Tracking targets A, b."),
        ((target(0, "a", "UNCERTAIN"), target(3, "b")), "Uncertain: target a."),
        ((target(0, "a", "LOST"), target(3, "b", "UNCERTAIN")), "Target a is lost."),
    ],
)
def test_the_sentence_on_top_says_what_to_do_now(
    shown: tuple[Any, ...], words: str, context: Any
) -> None:
    with PageBench() as bench, bench.playing(20.0, shown):
        page = context.new_page()
        page.goto(bench.url)
        wait_for_text(page, "#guide", words)
        page.wait_for_function(
            "(count) => document.querySelectorAll('#targets li').length === count", arg=len(shown)
        )


def test_k10_a_label_is_shown_as_text_and_runs_nothing(context: Any) -> None:
    label = "<img src=x onerror=document.title='hacked'>"
    with PageBench() as bench, bench.playing(20.0, (target(0, label),)):
        page = context.new_page()
        page.goto(bench.url)
        wait_for_text(page, "#targets", label)
        stamp_shown(page)
        assert page.locator("#targets img").count() == 0
        assert "hacked" not in page.title()


def test_k3_a_wrong_token_is_refused_and_the_right_one_is_asked_for_once(
    browser: Any, tmp_path: Path
) -> None:
    token = "0123456789abcdef"
    file = tmp_path / "token"
    file.write_text(token)
    file.chmod(0o600)
    # A context without the fixture's eye for complaints: a browser logs every 401.
    context = browser.new_context()
    with PageBench(token_file=str(file)) as bench, bench.playing():
        page = context.new_page()
        page.goto(bench.url)
        page.get_by_label("Token").fill("not the token")
        page.get_by_role("button", name="Open").click()
        wait_for_text(page, "#login-error", "wrong token")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Open").click()
        stamp_shown(page)
        page.reload()
        stamp_shown(page)
        assert page.evaluate("document.cookie") == "", "no script can read the session"
        other = browser.new_context().new_page()
        other.goto(f"{bench.url}/#{token}")
        stamp_shown(other)
        assert token not in other.url
        other.context.close()
    context.close()


def test_what_the_page_shows_is_recorded(context: Any, tmp_path: Path) -> None:
    with PageBench(record_folder=str(tmp_path)) as bench, bench.playing():
        page = context.new_page()
        page.goto(bench.url)
        page.get_by_role("button", name="Record").click()
        wait_for_text(page, "#recording", "1 s")
        page.get_by_role("button", name="Stop recording").click()
        wait_for_text(page, "#recording", "recorded")
        (video,) = tmp_path.glob(f"*{default_suffix()}")
        for path in (video, video.with_suffix(".jsonl")):
            with page.expect_download() as download:
                page.get_by_role("link", name=path.name).click()
            assert Path(download.value.path()).read_bytes() == path.read_bytes()
    # On a busy machine the encoder leaves pictures out; the video keeps step by repeating them.
    assert (open_source(video).length or 0) > 5
    assert video.with_suffix(".jsonl").read_text().count('"state": "TRACKING"') > 1
