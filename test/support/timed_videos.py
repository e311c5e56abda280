"""Videos of the moving square with times of their own, made by PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from support.moving_square import picture

TIME_BASE = Fraction(1, 1000)


def write_timed_video(path: Path, times_ms: Sequence[int], gop: int = 250) -> Path:
    """Writes picture k at the k-th time; every ``gop``-th frame can be decoded alone."""
    codec, options = "libx264", {"preset": "ultrafast"}
    if path.suffix == ".webm":
        codec, options = "libvpx", {"deadline": "realtime", "cpu-used": "8"}
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.time_base = stream.time_base = TIME_BASE
        for index, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(picture(index), "bgr24")
            frame.pts, frame.time_base = time_ms, TIME_BASE
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def cut_without_encoding(source: Path, target: Path, start_ms: int) -> Path:
    """Cuts a video as `ffmpeg -ss START -i SOURCE -c copy TARGET` does: by an edit list."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        old = before.streams.video[0]
        new = after.add_stream_from_template(old)
        start = round(start_ms / 1000 / old.time_base)
        before.seek(start, stream=old)
        for packet in before.demux(old):
            if packet.dts is None:
                continue
            packet.pts -= start
            packet.dts -= start
            packet.stream = new
            after.mux(packet)
    return target
