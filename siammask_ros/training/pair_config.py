"""How a training pair is drawn: every probability and range, in one checked value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from siammask_ros.errors import ConfigError
from siammask_ros.settings import check, number


def _share(default: float, description: str) -> Any:
    return number(default, description, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class PairConfig:
    """What pairs look like; lengths are in crop pixels, ± ranges are drawn uniformly.

    Raises ConfigError where a value is outside its range. TRAINING.md and section 4.1 of the
    paper give the authors' values; what differs carries a small data set further.
    """

    video_share: float = _share(0.55, "pairs from videos, the others from stills")
    max_gap_frames: int = number(15, "frames between template and search", 1, 1000)
    negative_share: float = _share(0.15, "pairs whose search shows another object")
    negative_same_label_share: float = _share(0.5, "negatives of the same class, where known")
    same_image_share: float = _share(
        0.0, "searches around another object of the target's image, where there is one"
    )
    negative_same_source_share: float = _share(0.8, "else negatives of the same data set")
    grey_share: float = _share(0.2, "pairs without colour")

    template_shift_px: float = number(4.0, "template off centre, each axis", 0, 64)
    template_scale: float = number(0.05, "template size, relative", 0, 0.9)
    search_shift_px: float = number(64.0, "search off centre, each axis", 0, 127)
    search_scale: float = number(0.2, "search size, relative", 0, 0.9)
    search_aspect: float = number(0.1, "search width against height, relative", 0, 0.9)
    small_motion_share: float = _share(0.0, "searches with a camera's motion between two frames")
    small_motion: float = number(0.25, "their shift, scale and aspect against the above", 0, 1)
    still_deform_share: float = _share(0.0, "searches of stills whose object changes its shape")
    deform_max: float = number(0.1, "a point's displacement, in object sizes (2 sigma)", 0, 0.5)
    video_rotation_deg: float = number(8.0, "search against template, videos", 0, 180)
    still_rotation_deg: float = number(15.0, "search against template, stills", 0, 180)
    flip_share: float = _share(0.5, "both crops mirrored")
    still_search_flip_share: float = _share(0.1, "search of a still mirrored on its own")

    paste_share: float = _share(0.4, "searches with another object pasted beside or over")
    paste_over_share: float = _share(0.4, "of those, over the target instead of beside it")
    paste_behind_share: float = _share(0.5, "of those beside, behind the target where they meet")
    paste_min_size: float = number(0.3, "smallest pasted object against the target", 0.05, 4)
    paste_max_size: float = number(1.5, "largest pasted object against the target", 0.05, 4)
    paste_rotation_deg: float = number(30.0, "pasted object", 0, 180)
    still_background_share: float = _share(0.2, "still targets cut out, on another background")
    video_background_share: float = _share(0.1, "video targets cut out, on another background")
    outside_filled_share: float = _share(
        0.35, "other searches that show another image outside their own, not its mean colour"
    )
    lookalike_share: float = _share(0.05, "searches with a second copy of their object beside it")
    min_visible_share: float = _share(0.2, "of the object that must be seen in the search")
    min_visible_px: int = number(60, "of the object seen in the search", 1, 65025)

    brightness: float = number(30.0, "grey levels added, both crops alike", 0, 255)
    contrast: float = number(0.3, "factor around mid grey, both crops alike", 0, 0.95)
    saturation: float = number(0.4, "factor, both crops alike", 0, 1)
    hue_deg: float = number(20.0, "turn around the grey axis, both crops alike", 0, 180)
    channel_offset: float = number(15.0, "grey levels added to one channel, both alike", 0, 255)
    apart: float = number(0.4, "how much of these ranges each crop varies on its own", 0, 1)
    blur_share: float = _share(0.2, "crops blurred, by a Gaussian or along the motion")
    low_resolution_share: float = _share(0.1, "crops shrunk and enlarged again")
    noise_share: float = _share(0.1, "crops with sensor noise")
    jpeg_share: float = _share(0.1, "crops with JPEG artefacts")

    def __post_init__(self) -> None:
        check(self)
        if self.paste_min_size > self.paste_max_size:
            raise ConfigError(
                f"paste_min_size is {self.paste_min_size}; expected at most paste_max_size, "
                f"{self.paste_max_size}"
            )
