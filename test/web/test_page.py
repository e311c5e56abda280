"""The page in a real browser: what it shows, and how a box is drawn; row K10 among it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page_bench import PageBench, target
from session_bench import wait_until
from sub_path_proxy import SubPathProxy

from siammask_ros.media.encoders import default_suffix
from siammask_ros.media.frames import open_source
from siammask_ros.web.feed import Diagnosis

WAIT_S = 60.0


def stamp_shown(page: Any) -> str:
    """The stamp of the next picture that the page draws."""
    return str(
        page.evaluate(
            """() => new Promise((done) => document.getElementById("stage").addEventListener(
                "shown", (event) => done(event.detail.stamp), { once: true }))"""
        )
    )


def on_screen(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the 320×240 picture is on the screen."""
    frame = page.locator("#stage").bounding_box()
    scale = min(frame["width"] / 320, frame["height"] / 240)
    left = frame["x"] + (frame["width"] - 320 * scale) / 2
    top = frame["y"] + (frame["height"] - 240 * scale) / 2
    return left + x * scale, top + y * scale


def wait_for_text(page: Any, selector: str, words: str) -> None:
    page.wait_for_function(
        "([selector, words]) => document.querySelector(selector).textContent.includes(words)",
        arg=[selector, words],
    )


@pytest.fixture
def bench() -> Any:
    with PageBench() as bench, bench.playing():
        yield bench


@pytest.fixture
def page(bench: PageBench, context: Any) -> Any:
    page = context.new_page()
    page.goto(bench.url)
    stamp_shown(page)
    return page


def test_pictures_move_and_the_state_is_told_in_words(page: Any, bench: PageBench) -> None:
    stamps = [int(stamp_shown(page)) for _ in range(5)]
    assert stamps == sorted(set(stamps))
    wait_for_text(page, "#targets li[data-id='1'] .state", "TRACKING")
    wait_for_text(page, "#link", "live")
    drawn = page.evaluate(
        """() => { const { width, height } = document.getElementById("picture");
            return [width, height]; }"""
    )
    assert drawn == [320, 240]
    wait_for_text(page, "#guide", "Following target 1.")


def test_a_mouse_draws_a_box_on_the_picture_that_stood_still(page: Any, bench: PageBench) -> None:
    bench.feed.now = replace(bench.feed.now, choose_within_s=30.0)
    page.wait_for_timeout(400)
    page.mouse.move(*on_screen(page, 100, 80))
    page.mouse.down()
    wait_for_text(page, "#guide", "let go")
    frozen = page.evaluate("() => document.getElementById('picture').toDataURL()")
    page.mouse.move(*on_screen(page, 130, 110), steps=3)
    page.wait_for_timeout(500)
    assert frozen == page.evaluate("() => document.getElementById('picture').toDataURL()")
    page.mouse.move(*on_screen(page, 150, 140), steps=3)
    page.mouse.up()
    wait_until(lambda: bench.feed.asked, "the box", WAIT_S)
    ((what, box, target_id, stamp_ns),) = bench.feed.asked
    assert (what, target_id) == ("follow", "")
    assert box == pytest.approx((100, 80, 50, 60), abs=1.5)
    assert 0 < stamp_ns < int(stamp_shown(page)), "that of the picture that stood still"


def test_a_finger_draws_a_box_too(page: Any, bench: PageBench) -> None:
    bench.feed.now = replace(bench.feed.now, choose_within_s=30.0)
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
    wait_until(lambda: bench.feed.asked, "the box", WAIT_S)
    assert bench.feed.asked[0][1] == pytest.approx((60, 50, 60, 80), abs=1.5)
    page.touchscreen.tap(*on_screen(page, 200, 100))
    wait_for_text(page, "#toast", "Drag from one corner")
    assert len(bench.feed.asked) == 1


def test_a_box_that_took_too_long_is_put_to_the_live_picture(page: Any, bench: PageBench) -> None:
    bench.feed.now = replace(bench.feed.now, choose_within_s=0.5)
    page.wait_for_timeout(400)
    page.mouse.move(*on_screen(page, 100, 80))
    page.mouse.down()
    page.mouse.move(*on_screen(page, 150, 140), steps=3)
    page.wait_for_timeout(600)
    page.mouse.up()
    wait_for_text(page, "#guide", "Follow this")
    assert not bench.feed.asked
    before = int(stamp_shown(page))
    page.get_by_role("button", name="Follow this").click()
    wait_until(lambda: bench.feed.asked, "the box", WAIT_S)
    _, box, _, stamp_ns = bench.feed.asked[0]
    assert box == pytest.approx((100, 80, 50, 60), abs=1.5)
    assert stamp_ns >= before


def test_keys_draw_a_box_and_a_screen_reader_hears_of_it(page: Any, bench: PageBench) -> None:
    page.locator("#stage").focus()
    page.keyboard.press("Enter")
    wait_for_text(page, "#guide", "Put the box around the target")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    wait_for_text(page, "#announce", "Box 85 by 77 at 125, 89.")
    page.keyboard.press("Enter")
    wait_until(lambda: bench.feed.asked, "the box", WAIT_S)
    assert bench.feed.asked[0][1] == pytest.approx((125, 89, 85, 77), abs=1e-6)
    page.keyboard.press("Enter")
    wait_for_text(page, "#guide", "Put the box around the target")
    page.keyboard.press("Escape")
    wait_for_text(page, "#guide", "Following target 1.")
    assert len(bench.feed.asked) == 1
    assert page.locator("#guide").get_attribute("role") == "status"


def test_buttons_ask_for_what_they_say(page: Any, bench: PageBench) -> None:
    bench.feed.now = replace(bench.feed.now, targets=(target(0),))
    page.get_by_role("button", name="Forget target 1").click()
    page.get_by_role("button", name="Forget all").click()
    page.get_by_role("button", name="Pause").click()
    wait_until(lambda: len(bench.feed.asked) == 3, "three commands", WAIT_S)
    assert bench.feed.asked == [("forget", "1"), ("reset",), ("pause", True)]
    bench.feed.now = replace(bench.feed.now, paused=True)
    wait_for_text(page, "#guide", "Paused")
    bench.feed.refusal = "the tracker is not there; start it"
    page.get_by_role("button", name="Go on").click()
    wait_for_text(page, "#toast", "the tracker is not there; start it")


def test_what_is_wrong_is_said_on_top(page: Any, bench: PageBench) -> None:
    good = bench.feed.now
    bench.feed.now = replace(good, since_picture_s=3.0, targets=(target(0, state="STALE"),))
    wait_for_text(page, "#guide", "No picture for 3.0 s. Is the camera running?")
    wait_for_text(page, "#cover-title", "Not live")
    bench.feed.now = replace(good, is_tracker_there=False)
    wait_for_text(page, "#guide", "The tracker is not running.")
    bench.feed.now = replace(good, problem="image refused: encoding 'x' is not supported")
    wait_for_text(page, "#guide", "image refused: encoding 'x'")
    sentence = "10 frames in a row failed: out of memory"
    bench.feed.now = replace(good, diagnostics=(Diagnosis(2, "tracker: inference", sentence),))
    wait_for_text(page, "#guide", sentence)
    wait_for_text(page, "#diagnostics li[data-level='ERROR']", sentence)
    bench.feed.now = good
    wait_for_text(page, "#guide", "Following target 1.")
    assert page.locator("#cover").is_hidden()


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ((), "Drag a box around what to follow."),
        ((target(0, "A"), target(3, "b")), "Following targets A, b."),
        ((target(0, "a", "UNCERTAIN"), target(3, "b")), "Not sure of target a."),
        ((target(0, "a", "LOST"), target(3, "b", "UNCERTAIN")), "Target a lost."),
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


def test_the_page_comes_back_by_itself_when_its_connection_was_cut(
    page: Any, bench: PageBench
) -> None:
    loop = bench.server._loop
    assert loop is not None
    for client in tuple(bench.server._live.clients):
        loop.call_soon_threadsafe(client.cut_off)
    wait_for_text(page, "#link", "connecting")
    wait_for_text(page, "#link", "live")
    stamp_shown(page)


@contextmanager
def frozen(bench: PageBench) -> Iterator[None]:
    """The server says nothing more, and its connections stay open."""
    freed = threading.Event()
    assert bench.server._loop is not None
    bench.server._loop.call_soon_threadsafe(freed.wait, WAIT_S)
    try:
        yield
    finally:
        freed.set()


def test_a_server_that_stands_still_is_not_shown_as_live(page: Any, bench: PageBench) -> None:
    wait_for_text(page, "#link", "live")
    with frozen(bench):
        # By the page's own clock, long before it gives the connection up.
        wait_for_text(page, "#cover-title", "Not live")
        assert page.locator("#cover").is_visible()
        wait_for_text(page, "#guide", "The dashboard has not answered for")
        wait_for_text(page, "#link", "no")
        assert page.get_by_role("button", name="Forget target 1").is_disabled()
        wait_for_text(page, "#no-targets", "Not known")
        page.wait_for_function("() => !document.querySelector('#targets li')")
        assert page.locator("#camera-hz").text_content() == "–", "nothing old in the panels"
        assert page.locator("#diagnostics li").count() == 0
    wait_for_text(page, "#link", "live")
    page.wait_for_function("() => document.getElementById('cover').hidden")


@pytest.mark.parametrize(
    ("status", "heard_s", "after_s", "state"),
    [
        ({}, [], 0.59, "live"),
        ({}, [], 0.61, "silent"),
        ({"since_picture_s": 0.5}, [], 0.05, "live"),
        ({"since_picture_s": 0.5}, [], 0.2, "stale"),
        ({"since_picture_s": None}, [], 0.1, "none"),
        # The camera runs, and pictures of it do not come through.
        ({"stale_after_s": 0.1}, [0.0, 0.03, 0.06], 0.09, "live"),
        ({"stale_after_s": 0.1}, [0.0, 0.03, 0.06], 0.17, "stale"),
        ({"playback": "waiting", "since_picture_s": 60.0}, [0.0], 0.1, "held"),
        ({"playback": "ended"}, [0.0], 0.61, "silent"),
        ({"playback": "playing"}, [0.0], 0.1, "live"),
        ({"playback": "playing", "paused": True}, [0.0], 0.1, "held"),
        ({"paused": True}, [0.0], 0.1, "live"),
    ],
)
def test_the_pages_own_clock_decides_what_is_live(
    status: dict[str, Any], heard_s: list[float], after_s: float, state: str, page: Any
) -> None:
    """A status at the last of the pictures' times; then nothing more comes."""
    judged = page.evaluate(
        """async ([status, heard, after]) => {
            const { Liveness } = await import("./liveness.js");
            let now = 0;
            const liveness = new Liveness(() => now);
            const say = () => liveness.heardStatus({ since_picture_s: 0, stale_after_s: 0.6,
                playback: "", paused: false, ...status });
            say();
            for (now of heard) { liveness.heardPicture(); say(); }
            now = after;
            return liveness.judge().state;
        }""",
        [status, heard_s, after_s],
    )
    assert judged == state


def test_a_tracker_of_one_answer_a_second_is_live_between_them(page: Any) -> None:
    states = page.evaluate(
        """async () => {
            const { Liveness } = await import("./liveness.js");
            let now = 0;
            const liveness = new Liveness(() => now);
            const states = [];
            for (const step of Array(80).keys()) {
                now = step / 10;
                liveness.heardStatus({ since_picture_s: 0, stale_after_s: 0.6, playback: "" });
                if (step <= 36 && step % 12 === 0) liveness.heardPicture();
                states.push(liveness.judge().state);
            }
            return [states[35], states[47], states.at(-1)];
        }"""
    )
    assert states == ["live", "live", "stale"], "and after three periods without one it is not"


@pytest.mark.parametrize(
    ("playback", "paused", "guide", "link", "button"),
    [
        ("loading", False, "Loading the network", "loading", "Pause"),
        ("waiting", False, "the video starts with it, or with Play", "first picture", "Play"),
        ("playing", True, "Paused. The targets are kept.", "paused", "Go on"),
        ("ended", False, "The video has ended", "ended", "Play again"),
        ("playing", False, "Drag a box", "live", "Pause"),
    ],
)
def test_a_video_says_what_it_does_and_what_the_button_would_do(
    playback: str, paused: bool, guide: str, link: str, button: str, context: Any
) -> None:
    with PageBench() as bench:
        good = replace(bench.feed.now, since_picture_s=60.0, playback=playback, paused=paused)
        bench.feed.now = replace(good, since_picture_s=0.0) if link == "live" else good
        page = context.new_page()
        page.goto(bench.url)
        wait_for_text(page, "#guide", guide)
        wait_for_text(page, "#link", link)
        asked = page.get_by_role("button", name=button, exact=True)
        if playback == "loading":
            assert asked.is_disabled()
        else:
            asked.click()
            wait_until(lambda: bench.feed.asked, "the command", WAIT_S)
            assert bench.feed.asked == [("pause", button == "Pause")]
        page.close()


def test_on_a_picture_that_stands_still_a_box_may_take_its_time(
    page: Any, bench: PageBench
) -> None:
    bench.feed.now = replace(bench.feed.now, choose_within_s=0.5, playback="waiting")
    wait_for_text(page, "#link", "first picture")
    page.mouse.move(*on_screen(page, 100, 80))
    page.mouse.down()
    assert page.locator("#left-time").is_hidden(), "nothing runs out"
    page.wait_for_timeout(700)
    page.mouse.move(*on_screen(page, 150, 140), steps=3)
    page.mouse.up()
    wait_until(lambda: bench.feed.asked, "the box", WAIT_S)
    assert bench.feed.asked[0][1] == pytest.approx((100, 80, 50, 60), abs=1.5)


def test_a_page_below_a_path_of_a_proxy_is_live(context: Any) -> None:
    with SubPathProxy() as proxy, PageBench(origins=proxy.origin) as bench, bench.playing():
        proxy.target = bench.url
        page = context.new_page()
        page.goto(proxy.url)
        stamp_shown(page)
        wait_for_text(page, "#link", "live")
        page.close()


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
        wait_for_text(page, "#login-error", "this is not the token")
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
    assert (open_source(video).length or 0) > 5
    assert video.with_suffix(".jsonl").read_text().count('"state": "TRACKING"') > 5


@pytest.mark.parametrize("width", [320, 390, 820, 1280])
def test_nothing_reaches_beyond_the_screen_and_buttons_are_large(
    width: int, bench: PageBench, context: Any
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(bench.url)
    stamp_shown(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or min(box["width"], box["height"]) >= 44
