"""The data that a session's callers and its worker share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from siammask_ros.session.config import SessionConfig
from siammask_ros.session.health_record import HealthRecord
from siammask_ros.session.requests import Requests
from siammask_ros.session.stream import History, KeptFrame, Stream
from siammask_ros.session.table import TargetTable
from siammask_ros.tracker.tracker import Tracker


@dataclass(slots=True)
class SessionState:
    """Shared data. Read and write it only while holding ``condition``; notify when there is work.

    ``waiting_frame`` is the newest frame that the worker has not taken yet, ``last_taken`` the last
    one that it took, ``arrived_count`` the number of frames so far.
    """

    tracker: Tracker
    config: SessionConfig
    config_serial: int
    clock: Callable[[], float]
    record: HealthRecord = field(init=False)
    condition: threading.Condition = field(default_factory=threading.Condition)
    stream: Stream = field(default_factory=Stream)
    history: History = field(default_factory=History)
    waiting_frame: KeptFrame | None = None
    last_taken: KeptFrame | None = None
    arrived_count: int = 0
    requests: Requests = field(default_factory=Requests)
    table: TargetTable = field(default_factory=TargetTable)
    is_paused: bool = False
    is_stopping: bool = False

    def __post_init__(self) -> None:
        self.record = HealthRecord(self.clock())
