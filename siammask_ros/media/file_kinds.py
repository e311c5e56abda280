"""What a file is that is no video: FFmpeg detects a format in nearly every file."""

from __future__ import annotations

import codecs
from pathlib import Path

ZSTD = b"\x28\xb5\x2f\xfd"
_HEAD_BYTES = 4096
_UNPACK = "decompress it first"
_COMPRESSED = {
    ZSTD: (
        "zstd",
        "give the bag's folder with its metadata.yaml, or decompress it with zstd -d",
    ),
    b"\x1f\x8b": ("gzip", _UNPACK),
    b"\xfd7zXZ\0": ("xz", _UNPACK),
    b"BZh": ("bzip2", _UNPACK),
    b"\x04\x22\x4d\x18": ("lz4", _UNPACK),
    b"PK\x03\x04": ("zip", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("7z", _UNPACK),
    b"Rar!": ("rar", _UNPACK),
}
_OTHERS = {
    b"\x89MCAP0\r\n": "is an MCAP recording; its name has to end with .mcap",
    b"SQLite format 3\0": "is an SQLite database; the name of a bag has to end with .db3",
    b"#ROSBAG V": "is a ROS 1 bag; make a rosbag2 of it with rosbags-convert",
    b"version https://git-lfs": "is a Git LFS pointer and not the file itself; run: git lfs pull",
    b"%PDF": "is a PDF document; expected a video",
}
_ENCODED_TEXT = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
# A format of uncompressed video whose header is text.
_TEXT_LIKE_VIDEO = b"YUV4MPEG2"
_BLANKS = b"\t\n\r\f\x1b"
_ASCII_SHARE = 0.9


def why_no_video(path: Path) -> str:
    """Return what a file is and what to do, as the rest of a sentence; "" for what may be a video.

    Determined by the first bytes, not by the name.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for mark, (kind, advice) in _COMPRESSED.items():
        if head.startswith(mark):
            return f"is compressed with {kind}; {advice}"
    for mark, reason in _OTHERS.items():
        if head.startswith(mark):
            return reason
    if not head:
        return "is empty; expected a video"
    if _is_text(head):
        return "is a text file; expected a video"
    return ""


def _is_text(head: bytes) -> bool:
    if head.startswith(_ENCODED_TEXT):
        return True
    if head.startswith(_TEXT_LIKE_VIDEO) or 0 in head:
        return False
    control = sum(byte < 0x20 and byte not in _BLANKS for byte in head)
    try:
        # Incremental, because the last character may be cut.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        # Text in an older encoding is ASCII for the most part.
        return control == 0 and sum(byte < 0x80 for byte in head) >= _ASCII_SHARE * len(head)
    return control == 0
