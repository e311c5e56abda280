"""Camera frames in, tracking results out, computed in a worker thread."""

from siammask_ros.session.config import ERRORS_IN_A_ROW, SessionConfig
from siammask_ros.session.frames import Frame, FrameResult, TrackedTarget
from siammask_ros.session.health import Health, HealthStatus, Level
from siammask_ros.session.session import Session, StartedTarget
from siammask_ros.session.table import SEARCH_ENDED
from siammask_ros.tracker.saved_target import SavedTarget
from siammask_ros.tracker.tracker import Tracker
from siammask_ros.tracker.warm_up import warm_up

__all__ = [
    "ERRORS_IN_A_ROW",
    "SEARCH_ENDED",
    "Frame",
    "FrameResult",
    "Health",
    "HealthStatus",
    "Level",
    "SavedTarget",
    "Session",
    "SessionConfig",
    "StartedTarget",
    "TrackedTarget",
    "Tracker",
    "warm_up",
]
