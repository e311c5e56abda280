"""``siammask track --serve``: a video, a bag or a camera on the dashboard's page, without ROS."""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from siammask_ros.cli.options import open_tracker
from siammask_ros.errors import DataError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.outlines import contours
from siammask_ros.media.frames import Source
from siammask_ros.session import Frame, FrameResult, Health, Session, TrackedTarget, Tracker
from siammask_ros.session.config import SessionConfig
from siammask_ros.web.access import read_token
from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import (
    STAGES,
    WINDOW_FRAMES,
    Box,
    Diagnosis,
    Image,
    Latency,
    Rate,
    Shot,
    Status,
    Target,
    stale_after_s,
)
from siammask_ros.web.recorder import Recorder
from siammask_ros.web.server import Server

_OPTIONS = ("address", "port", "token_file", "origins", "record_folder")

# A finger or the keys may take so long to draw a box on a picture that stands still.
CHOOSE_WITHIN_S = 5.0


class SessionFeed:
    """See ``Feed``: a source played in its own time through a session. Call ``play``, ``close``.

    ``show`` gets every shot, in the session's worker; ``engine`` is what the page says of it.
    """

    def __init__(
        self,
        source: Source,
        tracker: Tracker,
        engine: Mapping[str, str],
        show: Callable[[Shot], None],
        loop: bool = False,
    ) -> None:
        self._source = source
        self._engine = engine
        self._show = show
        self._loop = loop
        self._lock = threading.Lock()
        self._camera, self._answers = Rate(time.monotonic), Rate(time.monotonic)
        self._latencies: deque[Latency] = deque(maxlen=WINDOW_FRAMES)
        self._targets: tuple[Target, ...] = ()
        self._is_paused = False
        self._session = Session(tracker, self._on_result, SessionConfig(history_s=CHOOSE_WITHIN_S))

    def play(self, asked_to_stop: threading.Event) -> None:
        """Plays the source to its end, or for ever; raises DataError where it is damaged."""
        while True:
            began_s, first_s = time.monotonic(), None
            for picture in self._source:
                first_s = picture.stamp_s if first_s is None else first_s
                due_s = began_s + picture.stamp_s - first_s
                if asked_to_stop.wait(max(due_s - time.monotonic(), 0.0)):
                    return
                self._submit(picture.image_bgr)
            if first_s is None:
                raise DataError(f"{self._source.name} gave no frame; nothing can be shown")
            if not self._loop:
                return

    def _submit(self, image: Image) -> None:
        with self._lock:
            self._camera.count()
        # The time of playing, as a camera would stamp it: it never jumps back.
        frame = Frame(image, time.time_ns(), arrived_s=time.monotonic())
        self._session.submit(frame)
        if self._is_paused:
            self._show(Shot(frame.image, frame.stamp_ns))

    def close(self) -> None:
        """Ends the session."""
        self._session.stop()

    def _on_result(self, answer: FrameResult) -> None:
        age_ms = (time.monotonic() - answer.frame.arrived_s) * 1e3
        stages = {"wait": answer.wait_ms, **answer.stages_ms}
        targets = tuple(_shown(target) for target in answer.targets)
        with self._lock:
            self._answers.count()
            self._targets = targets
            self._latencies.append(
                Latency(tuple(stages.get(stage, 0.0) for stage in STAGES), age_ms)
            )
        self._show(Shot(answer.frame.image, answer.frame.stamp_ns, targets))

    def status(self) -> Status:
        """See ``Feed``."""
        health, stale = self._session.health(), self._session.stale()
        with self._lock:
            camera_hz = self._camera.hz
            return Status(
                source=Path(self._source.name).name,
                since_picture_s=self._camera.since_s,
                stale_after_s=stale_after_s(camera_hz),
                choose_within_s=health.config.history_s,
                camera_hz=camera_hz,
                answers_hz=self._answers.hz,
                received=health.counters.received,
                processed=health.counters.processed,
                dropped=health.counters.dropped_in_total,
                is_tracker_there=True,
                paused=health.paused,
                engine=self._engine,
                targets=tuple(map(_shown, stale.targets)) if stale else self._targets,
                latencies=tuple(self._latencies),
                diagnostics=_diagnostics(health),
            )

    def watch(self, is_watched: bool) -> None:
        """See ``Feed``; the source plays on, whoever looks."""

    def follow(self, box_xywh: Box, target_id: str, stamp_ns: int) -> str:
        """See ``Feed``; gives the target's id."""
        box = RotatedBox.from_xywh(box_xywh)
        started = self._session.start_target(box, target_id, stamp_ns)
        return started.target_id if started else target_id

    def forget(self, target_id: str) -> str:
        """See ``Feed``."""
        if not self._session.forget(target_id):
            raise DataError(f"no such target: {target_id}")
        return f"target {target_id} is forgotten"

    def reset(self) -> str:
        """See ``Feed``."""
        return f"{self._session.reset()} targets forgotten"

    def pause(self, paused: bool) -> str:
        """See ``Feed``."""
        self._session.pause(paused)
        self._is_paused = paused
        return "paused" if paused else "running"


def _shown(target: TrackedTarget) -> Target:
    result = target.result
    mask = result.mask
    is_shown = result.status.name in ("TRACKING", "UNCERTAIN") and mask is not None
    return Target(
        target_id=target.target_id,
        state=result.status.name,
        reason=result.reason,
        score=result.score,
        corners_xy=result.box.corners_xy,
        contours=contours(mask.binary, (mask.left, mask.top)) if is_shown and mask else (),
    )


def _diagnostics(health: Health) -> tuple[Diagnosis, ...]:
    verdicts = {
        "image stream": health.image_stream(),
        "inference": health.inference(),
        "targets": health.targets(),
    }
    return tuple(
        Diagnosis(int(verdict.level), f"siammask: {part}", verdict.sentence)
        for part, verdict in verdicts.items()
    )


def serve(options: argparse.Namespace, source: Source) -> int:
    """Serves the page until a signal; the exit code. Raises ConfigError or DataError."""
    config = WebConfig(**{name: getattr(options, name) for name in _OPTIONS})
    # Refused before a network is loaded.
    read_token(config)
    Recorder(config)
    tracker = open_tracker(options)
    info = tracker.engine.info
    engine = {"model": options.model, "engine": info.engine, "device": info.device}
    engine |= {"precision": info.precision, "checkpoint": info.checkpoint}
    feed = SessionFeed(source, tracker, engine, lambda shot: server.show(shot), options.loop)
    with contextlib.ExitStack() as running:
        running.callback(feed.close)
        server = Server(config, feed)
        running.callback(server.close)
        asked_to_stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, lambda *_: asked_to_stop.set())
            running.callback(signal.signal, number, before)
        server.start()
        print(f"dashboard: {server.url} (Ctrl-C ends it)", flush=True)
        feed.play(asked_to_stop)
        # A video that has ended stays on the page: a recording of it can still be ended.
        asked_to_stop.wait()
    return 0
