"""The configuration of training pairs: every probability and range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from siammask_ros.errors import ConfigError
from siammask_ros.settings import check, number


def _share(default: float, description: str) -> Any:
    return number(default, description, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class PairConfig:
    """How pairs are made. Lengths are in crop pixels; ± ranges are drawn uniformly.

    Raises ConfigError for a value outside its range. Section 4.1 of the paper gives the authors'
    values; the defaults differ from them where that helps with a small data set.
    """

    video_share: float = _share(0.55, "of the pairs from videos; the others are from stills")
    max_gap_frames: int = number(15, "maximum distance between template and search", 1, 1000)
    negative_share: float = _share(0.15, "of the pairs without the target in the search crop")
    negative_same_label_share: float = _share(
        0.5, "of the negatives with an object of the same class, if known"
    )
    same_image_share: float = _share(
        0.0, "of the searches centred on another object of the same image, if there is one"
    )
    negative_same_source_share: float = _share(
        0.8, "of the other negatives with an object of the same data set"
    )
    grey_share: float = _share(0.2, "of the pairs in grey")

    template_shift_px: float = number(4.0, "template off centre, each axis", 0, 64)
    template_scale: float = number(0.05, "template size, relative", 0, 0.9)
    search_shift_px: float = number(64.0, "search off centre, each axis", 0, 127)
    search_scale: float = number(0.2, "search size, relative", 0, 0.9)
    search_aspect: float = number(0.1, "search width against height, relative", 0, 0.9)
    small_motion_share: float = _share(
        0.0, "of the searches with a small motion, as between two frames"
    )
    small_motion: float = number(0.25, "factor of their shift, scale and aspect", 0, 1)
    still_deform_share: float = _share(0.0, "of the stills that are deformed in the search crop")
    deform_max: float = number(0.1, "displacement of a point, in object sizes (2 sigma)", 0, 0.5)
    video_rotation_deg: float = number(8.0, "search against template, videos", 0, 180)
    still_rotation_deg: float = number(15.0, "search against template, stills", 0, 180)
    flip_share: float = _share(0.5, "of the pairs mirrored")
    still_search_flip_share: float = _share(0.1, "of the stills with only the search mirrored")

    paste_share: float = _share(0.4, "of the searches with another object pasted")
    paste_over_share: float = _share(
        0.4, "of the pasted objects over the target; the others are beside it"
    )
    paste_behind_share: float = _share(0.5, "of those beside the target, behind it")
    paste_min_size: float = number(0.3, "smallest pasted object, relative to the target", 0.05, 4)
    paste_max_size: float = number(1.5, "largest pasted object, relative to the target", 0.05, 4)
    paste_rotation_deg: float = number(30.0, "rotation of a pasted object", 0, 180)
    still_background_share: float = _share(
        0.2, "of the stills cut out and put on another background"
    )
    video_background_share: float = _share(
        0.1, "of the video targets cut out and put on another background"
    )
    outside_filled_share: float = _share(
        0.35, "of the other searches with another image outside their own, not its mean colour"
    )
    min_visible_share: float = _share(0.2, "minimum visible part of the object in the search")
    min_visible_px: int = number(60, "minimum visible pixels of the object in the search", 1, 65025)

    brightness: float = number(30.0, "grey levels added, both crops alike", 0, 255)
    contrast: float = number(0.3, "factor around mid grey, both crops alike", 0, 0.95)
    saturation: float = number(0.4, "factor, both crops alike", 0, 1)
    hue_deg: float = number(20.0, "rotation around the grey axis, both crops alike", 0, 180)
    channel_offset: float = number(15.0, "grey levels added to one channel, both alike", 0, 255)
    per_crop_variation: float = number(
        0.4, "share of these ranges by which each crop varies on its own", 0, 1
    )
    blur_share: float = _share(0.2, "of the crops blurred, by a Gaussian or along the motion")
    low_resolution_share: float = _share(0.1, "of the crops shrunk and enlarged again")
    noise_share: float = _share(0.1, "of the crops with sensor noise")
    jpeg_share: float = _share(0.1, "of the crops with JPEG artefacts")

    def __post_init__(self) -> None:
        check(self)
        if self.paste_min_size > self.paste_max_size:
            raise ConfigError(
                f"paste_min_size is {self.paste_min_size}; expected at most paste_max_size, "
                f"{self.paste_max_size}"
            )
