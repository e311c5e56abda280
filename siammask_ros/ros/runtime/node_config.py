"""Settings of the node itself."""

from __future__ import annotations

from dataclasses import dataclass

from siammask_ros.media.image_messages import MAX_SIDE_PX
from siammask_ros.settings import check, flag, number, text
from siammask_ros.tracker.config import PRESETS

TRANSPORTS = ("raw", "compressed")
AUTO_FOLLOW_CHOICES = ("nearest_to_center", "largest", "best_score")


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """What the node listens to, what it refuses, and how it starts."""

    image_transport: str = text(
        "raw", "raw takes `image`, compressed takes `image/compressed`", TRANSPORTS
    )
    image_rectified: bool = flag(
        False, "The images are rectified: bearings come from P of camera_info, else from K and D"
    )
    depth_max_offset_s: float = number(
        0.05, "A depth image this much before or after the image is not that of it", 0.0, 1.0
    )
    predict_max_age_s: float = number(
        0.0,
        "Boxes of steadily moving targets are predicted to the time of publishing where the image "
        "is no older than this; 0: never",
        0.0,
        1.0,
    )
    publish_tf: bool = flag(False, "Broadcast a frame on /tf for each target that has a position")
    pose_target_id: str = text(
        "", "Target of ~/target_pose and ~/points; empty: the first one that has a position"
    )
    target_frame: str = text(
        "", "tf frame of ~/target_pose, for example map; empty: the frame of the images"
    )
    auto_follow_class: str = text(
        "",
        "Start a target from ~/detections_in if there is none: from detections of this class_id, "
        "for example person or 0; empty: off",
    )
    auto_follow_choice: str = text(
        "nearest_to_center", "Which of several detections is chosen", AUTO_FOLLOW_CHOICES
    )
    auto_follow_hold_s: float = number(
        5.0,
        "A target that was started from a detection is forgotten after it has been LOST for this "
        "long (s)",
        0.0,
        3600.0,
    )
    templates_dir: str = text(
        "", "Folder in which ~/save_target and ~/load_target keep targets; empty: neither does"
    )
    max_image_side: int = number(
        MAX_SIDE_PX, "Images with a longer side are refused (px)", 16, 65535
    )
    tracker_preset: str = text(
        "auto",
        "Preset that the tracker's defaults are taken from; auto: the one of the model",
        ("auto", *PRESETS),
    )
    autostart: bool = flag(False, "Configure and activate at start, without a lifecycle manager")
    restarted: bool = flag(
        False,
        "This process follows one that died: said until a target is given. The node finds that "
        "out by itself where both see the same /dev/shm",
    )

    def __post_init__(self) -> None:
        check(self)
