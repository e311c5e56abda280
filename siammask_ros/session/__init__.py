"""From camera frames to results in a worker thread: the one door for every face."""

from siammask_ros.session.config import ERRORS_IN_A_ROW, SessionConfig
from siammask_ros.session.frames import Frame, FrameResult, TrackedTarget
from siammask_ros.session.health import Health, Judgement, Level
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
    "Judgement",
    "Level",
    "SavedTarget",
    "Session",
    "SessionConfig",
    "StartedTarget",
    "TrackedTarget",
    "Tracker",
    "warm_up",
]
