"""Encoders of video files: H.264 for browsers and phones, VP8 where PyAV is missing."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import DataError
from siammask_ros.media.image_files import name_for_opencv

SUFFIXES = (".mp4", ".webm", ".avi")
# OpenCV's wheels cannot encode H.264, and no browser plays the MPEG-4 part 2 that they can.
_OPENCV_CODES = {".webm": "VP80", ".avi": "MJPG"}
# The matrix that FFmpeg converts BGR with; players take another one for large images.
_COLOURS = "colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m"
_H264_OPTIONS = {"preset": "veryfast", "crf": "23", "x264-params": _COLOURS}


class Encoder(Protocol):
    """Writes images (H, W, 3) uint8 BGR of one even size to a file."""

    def write(self, image: NDArray[np.uint8]) -> None:
        """Adds an image; raises DataError where the file does not take it."""
        ...

    def close(self) -> None:
        """Finishes the file; raises DataError where the disk does not take its end."""
        ...


@cache
def has_h264() -> bool:
    """Whether PyAV is installed, with an encoder for H.264."""
    try:
        import av
    except ImportError:
        return False
    return "libx264" in av.codecs_available


def default_suffix() -> str:
    """The suffix of a video without a given name: .mp4, or .webm where H.264 cannot be written."""
    return ".mp4" if has_h264() else ".webm"


def check_suffix(path: Path) -> None:
    """Raises DataError where no video of this name can be written here."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path} is no video that can be written; expected {', '.join(SUFFIXES)}")
    if suffix == ".mp4" and not has_h264():
        raise DataError(
            f"{path} needs PyAV for H.264, which is not installed; run: pip install av, or name a "
            ".webm file"
        )


def open_encoder(path: Path, fps: float, size: tuple[int, int]) -> Encoder:
    """The encoder for a new file of images of ``size`` (height, width), both even.

    Raises DataError where it cannot be written.
    """
    check_suffix(path)
    # FFmpeg takes what stands before a colon for a protocol, but not in an absolute path.
    path = path.absolute()
    name_for_opencv(path)
    if path.suffix.lower() == ".mp4":
        return _H264Encoder(path, fps, size)
    return _OpenCvEncoder(path, fps, size)


class _H264Encoder:
    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        import av

        self._path = path
        rate = Fraction(fps).limit_denominator(10_000)
        try:
            self._container: Any = av.open(str(path), "w", format="mp4")
            self._stream: Any = self._container.add_stream("libx264", rate, _H264_OPTIONS)
            self._stream.height, self._stream.width = size
            self._stream.pix_fmt = "yuv420p"
            # Makes the file now and not once the encoder has looked far enough ahead.
            self._container.start_encoding()
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror}") from error

    def write(self, image: NDArray[np.uint8]) -> None:
        from av import VideoFrame

        self._encode(VideoFrame.from_ndarray(image, format="bgr24"))

    def _encode(self, frame: Any) -> None:
        """Encodes an image, or what is left where ``frame`` is None."""
        try:
            self._container.mux(self._stream.encode(frame))
        except OSError as error:
            raise DataError(f"{self._path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        try:
            self._encode(None)
        except DataError:
            with suppress(OSError):
                self._container.close()
            raise
        try:
            self._container.close()
        except OSError as error:
            raise DataError(f"{self._path} cannot be finished: {error.strerror}") from error


class _OpenCvEncoder:
    """OpenCV's; it does not say when the disk takes no more."""

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        code = cv2.VideoWriter.fourcc(*_OPENCV_CODES[path.suffix.lower()])
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, (size[1], size[0]))
        if not self._writer.isOpened():
            raise DataError(f"{path} cannot be written; is its folder writable?")

    def write(self, image: NDArray[np.uint8]) -> None:
        self._writer.write(image)

    def close(self) -> None:
        self._writer.release()
