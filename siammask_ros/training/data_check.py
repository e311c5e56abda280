"""Checks the training data before a long training: a table of the sources, and sample images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from siammask_ros.errors import DataError
from siammask_ros.media.image_files import read_image
from siammask_ros.training.config import TrainingConfig
from siammask_ros.training.datasets import ObjectClip
from siammask_ros.training.image_cache import Image
from siammask_ros.training.pairs import PairSampler
from siammask_ros.training.sample_grid import draw_sample_grid
from siammask_ros.training.sources import exclude_validation_clips, is_validation_clip

_SHOWN_OBJECTS, _COLUMNS, _CELL = 24, 6, 200
_SHOWN_PAIRS = 24
_OUTLINE_BGR = (0, 0, 255)


def check_data(config: TrainingConfig) -> tuple[str, list[Path]]:
    """Read all sources; returns a table of them and the paths of the sample images.

    Writes ``objects.png`` (objects of every source, outlined) and ``pairs.png`` (training pairs as
    the network will see them) to the ``out`` folder of the configuration. Raises DataError with the
    name of a file that cannot be read.
    """
    by_source = [(source.name, source.clips()) for source in config.sources]
    everything = [clip for _, clips in by_source for clip in clips]
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    trained_on = exclude_validation_clips(everything, config.holdout)
    sampler = PairSampler(trained_on, config.pairs, config.seed)
    grids = {
        "objects.png": _draw_objects([clips for _, clips in by_source]),
        "pairs.png": draw_sample_grid([sampler.at(index) for index in range(_SHOWN_PAIRS)]),
    }
    for name, grid in grids.items():
        if not cv2.imwrite(str(out / name), grid):
            raise DataError(f"{out / name} cannot be written; expected a writable folder")
    rows = [_row(name, clips, config.holdout) for name, clips in by_source]
    return _table(rows), [out / name for name in grids]


def _row(name: str, clips: Sequence[ObjectClip], holdout: Sequence[str]) -> tuple[str, ...]:
    videos = [clip for clip in clips if clip.is_video]
    frames = [frame for clip in clips for frame in clip.frames]
    shares = [frame.target.area_px / np.prod(frame.target.size_wh) for frame in frames]
    held_out = sum(is_validation_clip(clip, holdout) for clip in clips)
    numbers = (len(videos), len(clips) - len(videos), len(frames), held_out)
    return (name, *map(str, numbers), f"{100 * float(np.median(shares)):.1f} %")


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    head = ("source", "in videos", "in stills", "masks", "validation", "median area")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in (head, *rows)
    )


def _draw_objects(sources: Sequence[Sequence[ObjectClip]]) -> Image:
    """Draw a few objects of every source, evenly spread over its list."""
    each = max(1, _SHOWN_OBJECTS // len(sources))
    clips = [
        clips[round(place)]
        for clips in sources
        for place in np.linspace(0, len(clips) - 1, min(each, len(clips)))
    ]
    cells = [_draw_outlined_object(clip) for clip in clips]
    cells += [np.zeros_like(cells[0])] * (-len(cells) % _COLUMNS)
    rows = [np.hstack(cells[at : at + _COLUMNS]) for at in range(0, len(cells), _COLUMNS)]
    return np.vstack(rows)


def _draw_outlined_object(clip: ObjectClip) -> Image:
    """Draw a clip's middle frame into a square, with its object's outline and name."""
    frame = clip.frames[len(clip.frames) // 2]
    image = read_image(frame.image_path).copy()
    outlines, _ = cv2.findContours(frame.mask(), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    thick = max(1, max(image.shape[:2]) // _CELL)
    cv2.drawContours(image, outlines, -1, _OUTLINE_BGR, thick)
    scale = _CELL / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.zeros((_CELL + 16, _CELL, 3), np.uint8)
    height, width = min(small.shape[0], _CELL), min(small.shape[1], _CELL)
    cell[:height, :width] = small[:height, :width]
    label = f"{clip.source} {clip.name}"[:30]
    cv2.putText(cell, label, (2, _CELL + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255,) * 3, 1)
    return cell
