"""The videos of a training's validation split, as videos to track."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import ConfigError

if TYPE_CHECKING:
    from siammask_ros.training.datasets import ObjectClip


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


def validation_videos(config_path: Path) -> list[ValidationVideo]:
    """Those that the configuration of a training names; raises ConfigError for none."""
    from siammask_ros.training.config import TrainingConfig
    from siammask_ros.training.sources import is_validation_clip, load_clips

    config = TrainingConfig.read(config_path)
    clips = [
        clip for clip in load_clips(config.sources) if is_validation_clip(clip, config.holdout)
    ]
    if not clips:
        raise ConfigError(f"{config_path} holds no video back; expected names under holdout")
    return [ValidationVideo(clip) for clip in clips]
