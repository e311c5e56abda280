"""The page in a real browser on screens of every size: what can be seen and reached."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from support.page_bench import PageBench, target
from support.page_screen import stamp_shown, wait_for_text

PHONE, PHONE_ON_ITS_SIDE, DESK = (360, 740), (740, 360), (1280, 800)
DESK_AT_200_PERCENT, PHONE_AT_200_PERCENT = (640, 400), (180, 370)


def opened(bench: PageBench, context: Any, size: tuple[int, int]) -> Any:
    page = context.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(bench.url)
    stamp_shown(page)
    return page


@pytest.mark.parametrize("width", [180, 320, 360, 390, 820, 1280])
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


@pytest.mark.parametrize(
    "size", [PHONE, PHONE_ON_ITS_SIDE, DESK, DESK_AT_200_PERCENT, PHONE_AT_200_PERCENT]
)
@pytest.mark.parametrize("is_full", [False, True], ids=["page", "full screen"])
def test_follow_this_is_on_the_screen_without_scrolling(
    size: tuple[int, int], is_full: bool, bench: PageBench, context: Any
) -> None:
    page = opened(bench, context, size)
    if is_full:
        page.get_by_role("button", name="Full screen").click()
    page.locator("#stage").focus()
    page.keyboard.press("Enter")
    wait_for_text(page, "#guide", "press Track this")
    button = page.get_by_role("button", name="Track this").bounding_box()
    assert button["y"] >= 0
    assert button["y"] + button["height"] <= size[1]
    assert button["x"] + button["width"] <= size[0]
    page.close()


@pytest.mark.parametrize(("size", "share"), [(PHONE, 0.7), (PHONE_ON_ITS_SIDE, 0.9)])
def test_a_phone_shows_the_picture_as_large_as_its_screen(
    size: tuple[int, int], share: float, bench: PageBench, context: Any
) -> None:
    page = opened(bench, context, size)
    if size == PHONE:
        assert page.locator("#stage").bounding_box()["width"] == size[0]
    page.get_by_role("button", name="Full screen").click()
    wait_for_text(page, "#full", "Leave full screen")
    page.wait_for_function(
        "(height) => document.getElementById('stage').clientHeight >= height", arg=share * size[1]
    )
    stage = page.locator("#stage").bounding_box()
    assert stage["width"] >= (size[0] if size == PHONE else 0.7 * size[0])
    assert stage["y"] + stage["height"] <= size[1]
    page.get_by_role("button", name="Leave full screen").click()
    page.wait_for_selector("aside", state="visible")
    page.close()


CONTRAST = """(selector) => {
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
    const resolved = (value) => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = value;
        const found = parse(getComputedStyle(probe).color);
        probe.remove();
        return found;
    };
    const style = getComputedStyle(document.documentElement);
    const [a, b] = selector.map((name) => light(resolved(style.getPropertyValue(name))));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_borders_of_buttons_and_lines_of_the_chart_have_a_contrast_of_three(
    scheme: str, bench: PageBench, context: Any
) -> None:
    page = opened(bench, context, DESK)
    page.emulate_media(color_scheme=scheme)
    for ground in ("--card", "--back"):
        assert page.evaluate(CONTRAST, ["--edge", ground]) >= 3
        assert page.evaluate(CONTRAST, ["--text", ground]) >= 4.5
    border = page.evaluate(
        """() => [getComputedStyle(document.getElementById("pause")).borderTopColor,
            getComputedStyle(document.documentElement).getPropertyValue("--edge")]"""
    )
    channels = [int(border[1].strip()[k : k + 2], 16) for k in (1, 3, 5)]
    assert border[0] == f"rgb({channels[0]}, {channels[1]}, {channels[2]})"
    page.close()


def test_labels_of_targets_next_to_each_other_do_not_hide_each_other(page: Any) -> None:
    """Eight targets of one place; the boxes of their labels as they are drawn."""
    boxes = page.evaluate(
        """async () => {
            const { drawLabel } = await import("./drawing.js");
            const context = document.createElement("canvas").getContext("2d");
            const boxes = [], taken = [];
            context.roundRect = (x, y, w, h) => boxes.push([x, y, w, h]);
            for (let k = 1; k <= 8; k++) {
                const target = { id: `${k}`, state: "TRACKING", colour: "#e69f00",
                    corners: [100, 100 + k, 140, 100 + k, 140, 140 + k, 100, 140 + k] };
                drawLabel(context, target, 1, { width: 320, height: 240 }, taken);
            }
            return boxes;
        }"""
    )
    assert len(boxes) == 8
    for k, (x, y, width, height) in enumerate(boxes):
        assert x >= 0
        assert 0 <= y <= 240 - height
        for left, top, other_width, other_height in boxes[:k]:
            apart = x >= left + other_width or left >= x + width
            assert apart or y >= top + other_height or top >= y + height


def test_nothing_that_is_written_in_the_chart_is_cut_off(page: Any) -> None:
    written = page.evaluate(
        """async () => {
            const { drawChart } = await import("./chart.js");
            const canvas = document.getElementById("chart");
            const context = canvas.getContext("2d");
            const written = [];
            context.fillText = (text, x, y) => {
                const { width } = context.measureText(text);
                const left = context.textAlign === "right" ? x - width : x;
                written.push([text, left, left + width, y - 5.5, y + 5.5]);
            };
            const frames = [[3000, 0, 0, 0, 9000, 0, 0, 0], [1, 0, 0, 0, 9000, 0, 0, 0]];
            const age_ms = { p50: 1, p95: 11990, p99: 12000 };
            drawChart(canvas, { stages: ["a"], frames, age_ms });
            return [written, canvas.clientWidth, canvas.clientHeight];
        }"""
    )
    texts, wide, high = written
    assert {"0 ms", "5000 ms", "10000 ms", "p50", "p95", "p99"} <= {text for text, *_ in texts}
    for text, left, right, top, bottom in texts:
        assert left >= 0, text
        assert right <= wide, text
        assert top >= 0, text
        assert bottom <= high, text
    names = [(top, bottom) for text, _, _, top, bottom in texts if text in ("p50", "p95", "p99")]
    assert all(lower[0] >= upper[1] for lower, upper in pairwise(names))


def test_buttons_change_their_label_and_carry_no_state_beside_it(page: Any) -> None:
    for name in ("Pause", "Record"):
        assert page.get_by_role("button", name=name).get_attribute("aria-pressed") is None
    assert "p50" in page.locator("section", has_text="Latency").last.inner_text()
    wait_for_text(page, "#dashboard", "Half of the results are younger than p50")
    wait_for_text(page, "#dashboard", "Dropped: a newer image arrived before")


def test_eight_targets_have_eight_colours(context: Any) -> None:
    eight = tuple(target(0, str(number)) for number in range(1, 9))
    with PageBench() as bench, bench.playing(20.0, eight):
        page = opened(bench, context, DESK)
        page.wait_for_function("() => document.querySelectorAll('#targets li').length === 8")
        colours = page.evaluate(
            """() => [...document.querySelectorAll("#targets .swatch")]
                .map((swatch) => swatch.style.background)"""
        )
        assert len(set(colours)) == 8
        page.close()
