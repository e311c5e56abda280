"""How many frames an MP4 or QuickTime file shows, by its own tables.

A video that was cut without encoding it again keeps the frames before its first one, back to one
that can be decoded alone; an edit list says that they are not shown. Boxes and tables: ISO/IEC
14496-12.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# More is no table of a video.
_MAX_TABLES_BYTES = 64 << 20
_MAX_FRAMES = 10_000_000
_BOX = struct.Struct(">I4s")


def count_frames(path: Path) -> int | None:
    """Return how many frames of its first video track the file shows; None where it does not say.

    Files that are written in fragments do not say, nor do those with several cuts.
    """
    try:
        movie = _movie(path)
        if movie is None:
            return None
        tracks = (track for kind, track in _boxes(movie) if kind == b"trak")
        video = next(track for track in tracks if _find(track, b"mdia", b"hdlr")[8:12] == b"vide")
        return _count_shown(video, _timescale(_find(movie, b"mvhd")))
    except (LookupError, OSError, StopIteration, ValueError, struct.error):
        return None


def _movie(path: Path) -> bytes | None:
    """The content of the box that holds the tables, or None."""
    with path.open("rb") as file:
        while len(header := file.read(_BOX.size)) == _BOX.size:
            size, kind = _BOX.unpack(header)
            size -= _BOX.size
            if size == 1 - _BOX.size:
                size = struct.unpack(">Q", file.read(8))[0] - 16
            if kind == b"moov":
                return file.read(size) if 0 <= size <= _MAX_TABLES_BYTES else None
            if size < 0:
                return None
            file.seek(size, 1)
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box."""
    at = 0
    while at + _BOX.size <= len(data):
        size, kind = _BOX.unpack_from(data, at)
        if size < _BOX.size:
            return
        yield kind, data[at + _BOX.size : at + size]
        at += size


def _find(data: bytes, *kinds: bytes) -> bytes:
    """The content of the first box of this kind in that of each before; empty without one."""
    for wanted in kinds:
        data = next((content for kind, content in _boxes(data) if kind == wanted), b"")
    return data


def _timescale(header: bytes) -> int:
    """Units of a second, of a movie's or a track's header."""
    return int(struct.unpack_from(">I", header, 20 if header[0] else 12)[0])


def _count_shown(track: bytes, movie_timescale: int) -> int | None:
    table = _find(track, b"mdia", b"minf", b"stbl")
    times = _frame_times(_find(table, b"stts"), _find(table, b"ctts"))
    if times is None:
        return None
    edits = [edit for edit in _edits(_find(track, b"edts", b"elst")) if edit[1] >= 0]
    if not edits:
        return times.size
    if len(edits) > 1:
        return None
    ((duration, begin),) = edits
    shown = times >= begin
    if duration:
        timescale = _timescale(_find(track, b"mdia", b"mdhd"))
        shown &= times < begin + duration * timescale / movie_timescale
    return int(shown.sum())


def _frame_times(steps: bytes, offsets: bytes) -> NDArray[np.int64] | None:
    """When each frame is shown, in the track's units; None without frames."""
    counts, deltas = _run_lengths(steps, ">u4")
    total = int(counts.sum())
    if not 0 < total <= _MAX_FRAMES:
        return None
    times = np.repeat(deltas, counts).cumsum() - np.repeat(deltas, counts)
    if offsets:
        offset_counts, values = _run_lengths(offsets, ">i4")
        if int(offset_counts.sum()) != total:
            return None
        times = times + np.repeat(values, offset_counts)
    return times


def _run_lengths(table: bytes, dtype: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The columns of a table of counts and values."""
    count = struct.unpack_from(">I", table, 4)[0]
    rows = np.frombuffer(table, np.dtype([("count", ">u4"), ("value", dtype)]), count, 8)
    return rows["count"].astype(np.int64), rows["value"].astype(np.int64)


def _edits(table: bytes) -> Iterator[tuple[int, int]]:
    """Duration, in the movie's units, and begin, in the track's, of each edit."""
    if not table:
        return
    row = struct.Struct(">Qqi" if table[0] else ">Iii")
    for place in range(struct.unpack_from(">I", table, 4)[0]):
        duration, begin, _ = row.unpack_from(table, 8 + place * row.size)
        yield duration, begin
