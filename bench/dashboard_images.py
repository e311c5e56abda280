"""Pictures of the dashboard for the documentation: `python bench/dashboard_images.py docs/images`.

The real processes play the demo's video, a target is drawn with the mouse, and the page is
photographed on a desk and on a phone, by day and by night. A second argument is the camera's rate,
for machines that are slow.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "test")]

import conftest  # noqa: E402, F401
from playwright.sync_api import sync_playwright  # noqa: E402
from support import cyclist  # noqa: E402
from support.dashboard_processes import running_nodes  # noqa: E402

# The cyclist and a parked motorcycle: left, top, width, height.
BOXES = (cyclist.BOX_XYWH, (516.0, 138.0, 122.0, 132.0))
DESK, PHONE = (1280, 800), (390, 844)
MAX_BYTES = 200_000
WAIT_MS = 120_000


def draw(page: Any, box_xywh: tuple[float, float, float, float]) -> None:
    """A box, with the mouse."""
    page.wait_for_function("() => document.querySelector('#answers-hz').textContent !== '–'")
    frame = page.locator("#stage").bounding_box()
    width = page.evaluate("() => document.getElementById('image').width")
    scale = frame["width"] / width
    left, top, wide, high = box_xywh
    page.mouse.move(frame["x"] + left * scale, frame["y"] + top * scale)
    page.mouse.down()
    page.mouse.move(
        frame["x"] + (left + wide) * scale, frame["y"] + (top + high) * scale - 2, steps=4
    )
    page.mouse.up()


def photographed(url: str, out: Path) -> Iterator[Path]:
    """Yield the path of each screenshot that was written to ``out``."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, size in (("desk", DESK), ("phone", PHONE)):
            for scheme in ("light", "dark"):
                page = browser.new_page(
                    viewport={"width": size[0], "height": size[1]},
                    color_scheme=scheme,
                    has_touch=name == "phone",
                    is_mobile=name == "phone",
                    device_scale_factor=1.5 if name == "phone" else 1,
                )
                page.set_default_timeout(WAIT_MS)
                page.goto(url)
                for number, box_xywh in enumerate(BOXES, 1):
                    draw(page, box_xywh)
                    page.wait_for_selector(f"#targets li[data-id='{number}']")
                page.wait_for_timeout(6000)
                page.wait_for_selector("#targets li[data-id='1'][data-state='TRACKING']")
                page.evaluate("() => document.activeElement.blur()")
                path = out / f"dashboard_{name}_{scheme}.jpg"
                page.screenshot(path=path, type="jpeg", quality=82)
                assert path.stat().st_size <= MAX_BYTES, f"{path} has {path.stat().st_size} bytes"
                yield path
                page.get_by_role("button", name="Forget all").click()
                page.wait_for_function("() => !document.querySelector('#targets li')")
                page.close()
        browser.close()


def main(out: Path, hz: float) -> None:
    """Take all images of the page."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        pictures = cyclist.pictures(folder / "pictures")
        with running_nodes(folder, pictures, player={"rate": hz}, model="lite") as nodes:
            url = nodes.start_dashboard(record_folder=str(folder))
            for path in photographed(url, out):
                print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 25.0)
