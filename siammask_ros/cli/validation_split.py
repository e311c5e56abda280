"""The validation split of a training, as videos to track."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import ConfigError

if TYPE_CHECKING:
    from siammask_ros.training.datasets import ObjectClip

MIN_STILL_SHARE = 0.05


class ValidationVideo:
    """An object of the training data as a ``MaskedVideo``."""

    def __init__(self, clip: ObjectClip) -> None:
        self.name = clip.name
        self._frames = clip.frames

    def __len__(self) -> int:
        return len(self._frames)

    def frame(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """See ``MaskedVideo.frame``."""
        from siammask_ros.media.image_files import read_image

        frame = self._frames[number]
        return read_image(frame.image_path), frame.mask()


@dataclass(frozen=True, slots=True)
class ValidationSplit:
    """The videos that a training does not use (``holdout``), and its stills by class."""

    videos: list[ValidationVideo]
    stills_by_class: dict[str, list[ValidationVideo]]


def read_validation_split(config_path: Path) -> ValidationSplit:
    """Read the objects of a training's configuration; raises ConfigError if it has no holdout.

    The stills are those of a known class whose object covers ``MIN_STILL_SHARE`` of the image.
    """
    from siammask_ros.evaluation.benchmarks.object_classes import class_of_label
    from siammask_ros.training.config import TrainingConfig
    from siammask_ros.training.sources import is_validation_clip, load_clips

    config = TrainingConfig.read(config_path)
    print(f"reading the data of {config_path} …", file=sys.stderr, flush=True)
    clips = load_clips(config.sources)
    videos = [ValidationVideo(clip) for clip in clips if is_validation_clip(clip, config.holdout)]
    if not videos:
        raise ConfigError(f"{config_path} has no validation videos; expected names under holdout")
    stills: dict[str, list[ValidationVideo]] = {}
    for clip in clips:
        label = class_of_label(clip.label)
        if label and not clip.is_video and _covers_enough(clip):
            stills.setdefault(label, []).append(ValidationVideo(clip))
    return ValidationSplit(videos, stills)


def _covers_enough(clip: ObjectClip) -> bool:
    target = clip.frames[0].target
    return target.area_px >= MIN_STILL_SHARE * target.size_wh[0] * target.size_wh[1]
