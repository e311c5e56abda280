"""What a session's callers and its worker share, behind one lock."""

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
class Desk:
    """All of it is read and changed under ``wake``, which is notified when there is work.

    ``waiting`` is the newest frame that nobody has taken up, ``taken`` the last one that was,
    ``arrived`` how many there have been.
    """

    tracker: Tracker
    config: SessionConfig
    config_serial: int
    clock: Callable[[], float]
    record: HealthRecord = field(init=False)
    wake: threading.Condition = field(default_factory=threading.Condition)
    stream: Stream = field(default_factory=Stream)
    history: History = field(default_factory=History)
    waiting: KeptFrame | None = None
    taken: KeptFrame | None = None
    arrived: int = 0
    requests: Requests = field(default_factory=Requests)
    table: TargetTable = field(default_factory=TargetTable)
    paused: bool = False
    stopping: bool = False

    def __post_init__(self) -> None:
        self.record = HealthRecord(self.clock())
