"""The page in a real browser: what is live, what stands still, and what has gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.page_bench import PageBench, frame, target
from support.page_screen import WAIT_S, frozen, on_screen, stamp_shown, wait_for_text
from support.session_bench import wait_until
from support.sub_path_proxy import SubPathProxy


def test_the_page_comes_back_by_itself_when_its_connection_was_cut(
    page: Any, bench: PageBench
) -> None:
    loop = bench.server._loop
    assert loop is not None
    for client in tuple(bench.server._hub.clients):
        loop.call_soon_threadsafe(client.abort)
    wait_for_text(page, "#guide", "The connection was lost. Reconnecting")
    wait_for_text(page, "#link", "live")
    stamp_shown(page)


def test_a_server_that_stands_still_is_not_shown_as_live(page: Any, bench: PageBench) -> None:
    wait_for_text(page, "#link", "live")
    with frozen(bench):
        # By the page's own clock, long before it gives the connection up.
        wait_for_text(page, "#cover-title", "Not live")
        assert page.locator("#cover").is_visible()
        wait_for_text(page, "#guide", "The dashboard has not answered for")
        wait_for_text(page, "#link", "no")
        assert page.get_by_role("button", name="Forget target 1").is_disabled()
        wait_for_text(page, "#no-targets", "Unknown")
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
        ({"since_frame_s": 0.5}, [], 0.05, "live"),
        ({"since_frame_s": 0.5}, [], 0.2, "stale"),
        ({"since_frame_s": None}, [], 0.1, "none"),
        # The camera runs, and pictures of it do not come through.
        ({"stale_after_s": 0.1}, [0.0, 0.03, 0.06], 0.09, "live"),
        ({"stale_after_s": 0.1}, [0.0, 0.03, 0.06], 0.17, "stale"),
        ({"playback": "waiting", "since_frame_s": 60.0}, [0.0], 0.1, "held"),
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
            const say = () => liveness.setStatus({ since_frame_s: 0, stale_after_s: 0.6,
                playback: "", paused: false, ...status });
            say();
            for (now of heard) { liveness.addFrame(); say(); }
            now = after;
            return liveness.evaluate().state;
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
                liveness.setStatus({ since_frame_s: 0, stale_after_s: 0.6, playback: "" });
                if (step <= 36 && step % 12 === 0) liveness.addFrame();
                states.push(liveness.evaluate().state);
            }
            return [states[35], states[47], states.at(-1)];
        }"""
    )
    assert states == ["live", "live", "stale"], "and after three periods without one it is not"


def test_the_age_of_an_image_does_not_count_while_the_video_stands_still(page: Any) -> None:
    """A video waits for a minute; its first result arrives 6 s after it was started."""
    states = page.evaluate(
        """async () => {
            const { Liveness } = await import("./liveness.js");
            let now = 0;
            const liveness = new Liveness(() => now);
            const hear = (playback, paused = false) => liveness.setStatus(
                { since_frame_s: 0, stale_after_s: 0.6, playback, paused });
            const at = (time, playback, paused) => {
                now = time;
                hear(playback, paused);
                return liveness.evaluate().state;
            };
            hear("waiting");
            liveness.addFrame();
            const states = [at(60, "waiting"), at(60.2, "playing"), at(66, "playing")];
            liveness.addFrame();
            states.push(at(66.1, "playing"), at(67, "playing"));
            liveness.addFrame();
            states.push(at(70, "playing", true), at(90, "playing"), at(101, "playing"));
            return states;
        }"""
    )
    assert states[:4] == ["held", "starting", "starting", "live"]
    assert states[4] == "stale", "the wait is no interval between two images"
    assert states[5:] == ["held", "starting", "stale"], "no result within 10 s"


def test_between_the_first_box_and_its_result_the_page_waits_and_reports_no_fault(
    context: Any,
) -> None:
    with PageBench() as bench:
        bench.feed.now = replace(bench.feed.now, playback="waiting", since_frame_s=60.0)
        page = context.new_page()
        page.goto(bench.url)
        wait_until(lambda: bench.feed.is_watched, "the page", WAIT_S)
        wait_for_text(page, "#link", "first image")
        bench.server.show(replace(frame(0), targets=()))
        page.wait_for_function("() => !document.getElementById('draw').disabled")
        page.evaluate(
            """() => { window.guides = []; new MutationObserver(() => window.guides.push(
                document.getElementById("guide").textContent)).observe(
                document.getElementById("guide"), { childList: true }); }"""
        )
        # Longer than the image may be old.
        page.wait_for_timeout(1500)
        bench.feed.now = replace(bench.feed.now, playback="playing", since_frame_s=0.0)
        wait_for_text(page, "#guide", "Waiting for the first result for 1.")
        assert page.locator("#cover").is_hidden()
        bench.server.show(frame(1))
        wait_for_text(page, "#guide", "Tracking target 1.")
        guides = page.evaluate("() => window.guides")
        assert not any("No new image" in guide for guide in guides), guides
        page.close()


@pytest.mark.parametrize(
    ("playback", "paused", "guide", "link", "button"),
    [
        ("loading", False, "Loading the network", "loading", "Pause"),
        ("waiting", False, "to start the video, or press Play", "first image", "Play"),
        ("playing", True, "Paused. The targets are kept.", "paused", "Resume"),
        ("ended", False, "The video has ended", "ended", "Play again"),
        ("playing", False, "Drag a box", "live", "Pause"),
    ],
)
def test_a_video_says_what_it_does_and_what_the_button_would_do(
    playback: str, paused: bool, guide: str, link: str, button: str, context: Any
) -> None:
    with PageBench() as bench:
        good = replace(bench.feed.now, since_frame_s=60.0, playback=playback, paused=paused)
        bench.feed.now = replace(good, since_frame_s=0.0) if link == "live" else good
        page = context.new_page()
        page.goto(bench.url)
        wait_for_text(page, "#guide", guide)
        wait_for_text(page, "#link", link)
        asked = page.get_by_role("button", name=button, exact=True)
        if playback == "loading":
            assert asked.is_disabled()
        else:
            asked.click()
            wait_until(lambda: bench.feed.commands, "the command", WAIT_S)
            assert bench.feed.commands == [("pause", button == "Pause")]
        page.close()


def test_on_a_picture_that_stands_still_a_box_may_take_its_time(
    page: Any, bench: PageBench
) -> None:
    bench.feed.now = replace(bench.feed.now, box_timeout_s=0.5, playback="waiting")
    wait_for_text(page, "#link", "first image")
    page.mouse.move(*on_screen(page, 100, 80))
    page.mouse.down()
    assert page.locator("#remaining-time").is_hidden(), "nothing runs out"
    page.wait_for_timeout(700)
    page.mouse.move(*on_screen(page, 150, 140), steps=3)
    page.mouse.up()
    wait_until(lambda: bench.feed.commands, "the box", WAIT_S)
    assert bench.feed.commands[0][1] == pytest.approx((100, 80, 50, 60), abs=1.5)


def test_a_page_below_a_path_of_a_proxy_is_live(context: Any) -> None:
    with SubPathProxy() as proxy, PageBench(origins=proxy.origin) as bench, bench.playing():
        proxy.target = bench.url
        page = context.new_page()
        page.goto(proxy.url)
        stamp_shown(page)
        wait_for_text(page, "#link", "live")
        page.close()


def test_the_targets_that_are_kept_stay_listed_while_the_tracker_is_paused(context: Any) -> None:
    with PageBench() as bench, bench.playing(20.0, None):
        page = context.new_page()
        page.goto(bench.url)
        page.wait_for_selector("#targets li[data-id='1'][data-state='TRACKING']")
        bench.feed.now = replace(bench.feed.now, paused=True, targets=(target(0),))
        wait_for_text(page, "#guide", "Paused. The targets are kept.")
        page.evaluate(
            """() => new Promise((done) => document.getElementById("stage").addEventListener(
                "shown", ({ detail }) => detail.targets === null && done()))"""
        )
        assert page.locator("#targets li[data-id='1']").is_visible()
        page.close()


@pytest.mark.parametrize(
    ("reason", "is_searched", "words"),
    [
        (
            "score 0.20 below 0.60",
            True,
            "Target 1 is lost: score 0.20 below 0.60. The tracker is still searching. "
            "You can draw a new box.",
        ),
        (
            "not found within 30 s; the search has ended",
            False,
            "Target 1 is lost: not found within 30 s; the search has ended. Draw a new box.",
        ),
    ],
)
def test_the_page_says_that_the_tracker_looks_only_where_it_does(
    reason: str, is_searched: bool, words: str, context: Any
) -> None:
    lost = replace(target(0, state="LOST"), reason=reason, is_searched=is_searched)
    with PageBench() as bench, bench.playing(20.0, (lost,)):
        page = context.new_page()
        page.goto(bench.url)
        wait_for_text(page, "#guide", words)
        page.close()


def test_a_target_that_is_not_taken_up_is_said_to_have_run_out_of_time(
    page: Any, bench: PageBench
) -> None:
    page.clock.install()
    bench.feed.now = replace(bench.feed.now, box_timeout_s=30.0)
    page.reload()
    stamp_shown(page)
    bench.feed.chosen_id = "7"
    page.locator("#stage").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    wait_until(lambda: bench.feed.commands, "the box", WAIT_S)
    wait_for_text(page, "#announce", "Requested tracking of target 7.")
    for _ in range(28):
        # Not so much at once that the page would take the connection for dead.
        page.clock.run_for(400)
        stamp_shown(page)
    wait_for_text(page, "#toast", "Timeout: the tracker did not start target 7 within 10 s.")
