"""Parameters of the dashboard node's inputs."""

from __future__ import annotations

from dataclasses import dataclass

from siammask_ros.media.image_messages import MAX_SIDE_PX
from siammask_ros.ros.runtime.node_config import TRANSPORTS
from siammask_ros.settings import check, number, text


@dataclass(frozen=True, slots=True)
class DashboardConfig:
    """Which tracker is shown, and how images are received."""

    tracker: str = text("siammask_tracker", "Name of the tracker node to show")
    image_transport: str = text(
        "raw", "raw: subscribe to `image`; compressed: subscribe to `image/compressed`", TRANSPORTS
    )
    max_image_side: int = number(
        MAX_SIDE_PX, "Images with a longer side are refused (px)", 16, 65535
    )

    def __post_init__(self) -> None:
        check(self)
