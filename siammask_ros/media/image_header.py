"""What the header of a JPEG, PNG or WebP file tells, read without decoding the image."""

from __future__ import annotations

import struct

_PNG = b"\x89PNG\r\n\x1a\n"
_PALETTE_COLOURS = b"\x03"
_JPEG = b"\xff\xd8"
_RIFF, _WEBP = b"RIFF", b"WEBP"
# Start-of-frame markers: C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers without a length: TEM, RST0 to RST7, SOI.
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def size_in_header(data: bytes | memoryview) -> tuple[int, int] | None:
    """Width and height of the image in these bytes, or None where they are none of the three."""
    if bytes(data[:8]) == _PNG:
        return _png_size(data)
    if bytes(data[:2]) == _JPEG:
        return _jpeg_size(data)
    if bytes(data[:4]) == _RIFF and bytes(data[8:12]) == _WEBP:
        return _webp_size(bytes(data[12:30]))
    return None


def png_palette(data: bytes) -> bytes | None:
    """Red, green and blue of the places 0, 1, … of a PNG's palette; None where it has none."""
    if data[:8] != _PNG or data[25:26] != _PALETTE_COLOURS:
        return None
    at = 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"PLTE":
            return data[at + 8 : at + 8 + length]
        at += 12 + length
    return None


def _png_size(data: bytes | memoryview) -> tuple[int, int] | None:
    if len(data) < 24 or bytes(data[12:16]) != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    return int(width), int(height)


def _jpeg_size(data: bytes | memoryview) -> tuple[int, int] | None:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker in _FRAMES:
            if at + 9 > len(data):
                return None
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(width), int(height)
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _webp_size(chunk: bytes) -> tuple[int, int] | None:
    """The size in the first chunk of a WebP file: lossy, lossless or extended."""
    if len(chunk) < 18:
        return None
    if chunk[:4] == b"VP8 " and chunk[11:14] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", chunk[14:18])
        return width & 0x3FFF, height & 0x3FFF
    if chunk[:4] == b"VP8L" and chunk[8] == 0x2F:
        bits = int.from_bytes(chunk[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk[:4] == b"VP8X":
        sides = (int.from_bytes(chunk[at : at + 3], "little") + 1 for at in (12, 15))
        width, height = sides
        return width, height
    return None
