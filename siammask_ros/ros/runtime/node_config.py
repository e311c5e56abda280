"""Parameters of the node itself."""

from __future__ import annotations

from dataclasses import dataclass

from siammask_ros.media.image_messages import MAX_SIDE_PX
from siammask_ros.settings import check, flag, number, text
from siammask_ros.tracker.config import PRESETS

TRANSPORTS = ("raw", "compressed")
AUTO_FOLLOW_CHOICES = ("nearest_to_center", "largest", "best_score")


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """What the node subscribes to, refuses and publishes, and how it starts."""

    image_transport: str = text(
        "raw", "raw subscribes to `image`, compressed to `image/compressed`", TRANSPORTS
    )
    image_rectified: bool = flag(
        False, "The images are rectified: use P of camera_info for bearings, instead of K and D"
    )
    depth_max_offset_s: float = number(
        0.05, "Maximum difference between the stamps of image and depth image (s)", 0.0, 1.0
    )
    predict_max_age_s: float = number(
        0.0,
        "Boxes of steadily moving targets are predicted for the time of publishing if the image is "
        "at most this old (s); 0: never",
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
    templates_dir: str = text("", "Folder for ~/save_target and ~/load_target; empty: both refuse")
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
        "This process replaces one that died; reported until there is a target. The node detects "
        "this by itself if both use the same /dev/shm",
    )

    def __post_init__(self) -> None:
        check(self)
