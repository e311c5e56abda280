"""Configuration of the tracker, and the presets for the published weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

from siammask_ros.errors import ConfigError
from siammask_ros.settings import check, number


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """How the network's answer becomes the target's next box, mask and state (section 3.2)."""

    penalty_k: float = number(0.09, "How strongly a change of size or shape is punished", 0.0, 5.0)
    window_influence: float = number(
        0.39, "Weight of the cosine window that prefers small motion", 0.0, 1.0
    )
    size_rate: float = number(0.38, "How fast the size follows the network's box", 0.0, 1.0)
    mask_threshold: float = number(0.30, "A pixel is the target's above this mask value", 0.0, 1.0)
    min_mask_area_px: float = number(
        100.0, "A mask part up to this area gives no rotated box", 0.0, 1e9
    )
    tracking_score: float = number(0.0, "At or above this score the state is TRACKING", 0.0, 1.0)
    lost_score: float = number(0.0, "Below this score the target counts as not seen", 0.0, 1.0)
    lost_after_frames: int = number(3, "Frames in a row below lost_score until LOST", 1, 1000)
    min_color_similarity: float = number(
        0.0,
        "A lost target is accepted again only if its colours are at least this similar to its "
        "first ones",
        0.0,
        1.0,
    )
    max_size_ratio: float = number(
        3.0,
        "A lost target is accepted again only if it is at most this many times larger or smaller",
        1.0,
        100.0,
    )
    confirm_frames: int = number(
        1, "A lost target is accepted again after it was found in this many images in a row", 1, 100
    )
    multi_target_threshold: int = number(
        0,
        "With at least this many targets, stationary ones are searched in a smaller crop; 0: never",
        0,
        64,
    )

    def __post_init__(self) -> None:
        check(self)
        if self.lost_score > self.tracking_score:
            raise ConfigError(
                f"lost_score is {self.lost_score} and tracking_score {self.tracking_score}; "
                "expected lost_score not above tracking_score"
            )


_DAVIS = TrackerConfig(0.04, 0.40, 1.0, 0.35)

# The authors' settings for their files never give a target up: their scores are not calibrated.
# "resnet50" is for their network on a robot: as for masks, but cheaper where targets are many.
PRESETS = {
    "default": TrackerConfig(),
    "davis": _DAVIS,
    "resnet50": replace(_DAVIS, multi_target_threshold=4),
    "vot": TrackerConfig(0.04, 0.42, 0.25, 0.30),
    "vot_ld": TrackerConfig(0.10, 0.41, 0.32, 0.15),
    "lite": TrackerConfig(
        0.10,
        0.50,
        0.60,
        0.50,
        tracking_score=0.45,
        lost_score=0.30,
        min_color_similarity=0.75,
        confirm_frames=3,
        multi_target_threshold=4,
    ),
}


def preset_of_model(model: str) -> str:
    """Return the name of a model's preset; models without one use davis, tuned for masks."""
    return model if model in PRESETS else "davis"


def find_preset(name: str) -> TrackerConfig:
    """Return the preset with this name; raises ConfigError with the known names."""
    try:
        return PRESETS[name]
    except KeyError:
        known = ", ".join(sorted(PRESETS))
        raise ConfigError(f"tracker_preset {name!r} is unknown; expected one of: {known}") from None
