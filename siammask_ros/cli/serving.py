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
from siammask_ros.cli.playback import Playback
from siammask_ros.errors import DataError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.outlines import contours
from siammask_ros.media.frames import Source
from siammask_ros.session import (
    SEARCH_ENDED,
    Frame,
    FrameResult,
    Health,
    HealthStatus,
    Level,
    Session,
    TrackedTarget,
    Tracker,
)
from siammask_ros.session.config import SessionConfig
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
from siammask_ros.web.server import Server

_OPTIONS = ("address", "port", "token_file", "origins", "record_folder")

# A finger or the keys may take so long to draw a box on a picture that stands still.
CHOOSE_WITHIN_S = 5.0


class SessionFeed:
    """See ``Feed``: a source played in its own time through a session.

    ``show`` gets every shot, in the session's worker. A page can be served before there is a
    network: call ``begin`` with it, then ``play``, then ``close``.
    """

    def __init__(self, source: Source, show: Callable[[Shot], None], loop: bool = False) -> None:
        self._source = source
        self._engine: Mapping[str, str] = {}
        self._show = show
        self._playback = Playback(source, self._submit, loop)
        self._lock = threading.Lock()
        self._camera, self._answers = Rate(time.monotonic), Rate(time.monotonic)
        self._latencies: deque[Latency] = deque(maxlen=WINDOW_FRAMES)
        self._targets: tuple[Target, ...] = ()
        self._newest: Shot | None = None
        self._session: Session | None = None

    def begin(self, tracker: Tracker, engine: Mapping[str, str]) -> None:
        """Begins the session; ``engine`` is what the page says of it."""
        self._engine = engine
        self._session = Session(tracker, self._on_result, SessionConfig(history_s=CHOOSE_WITHIN_S))

    def play(self, asked_to_stop: threading.Event) -> None:
        """Plays the source until told to stop; raises DataError where it is damaged."""
        self._playback.run(asked_to_stop)

    def close(self) -> None:
        """Ends the session."""
        if self._session is not None:
            self._session.stop()

    def _begun(self) -> Session:
        if self._session is None:
            raise DataError("the network is still being loaded; wait a moment")
        return self._session

    def _submit(self, image: Image, stamp_ns: int) -> None:
        with self._lock:
            self._camera.count()
        frame = Frame(image, stamp_ns, arrived_s=time.monotonic())
        self._begun().submit(frame)
        if self._playback.is_camera and self._playback.paused:
            self._put(Shot(frame.image, frame.stamp_ns))

    def _put(self, shot: Shot) -> None:
        self._newest = shot
        self._show(shot)

    def _on_result(self, answer: FrameResult) -> None:
        age_ms = (time.monotonic() - answer.frame.arrived_s) * 1e3
        stages = {"wait": answer.wait_ms, **answer.stages_ms}
        targets = tuple(_shown(target) for target in answer.targets)
        with self._lock:
            self._answers.count()
            self._targets = targets
            # Without a target there is nothing to compute: such a frame says nothing of the time.
            if targets:
                self._latencies.append(
                    Latency(tuple(stages.get(stage, 0.0) for stage in STAGES), age_ms)
                )
        self._put(Shot(answer.frame.image, answer.frame.stamp_ns, targets))

    def status(self) -> Status:
        """See ``Feed``."""
        source, playback = Path(self._source.name).name, self._playback
        if self._session is None:
            return Status(source, playback="loading")
        health, stale = self._session.health(), self._session.build_stale_result()
        if playback.stands_still:
            stale = None
        with self._lock:
            camera_hz = self._camera.hz
            return Status(
                source=source,
                since_picture_s=self._camera.since_s,
                stale_after_s=stale_after_s(camera_hz),
                choose_within_s=health.config.history_s,
                camera_hz=camera_hz,
                answers_hz=self._answers.hz,
                received=health.counters.received,
                processed=health.counters.processed,
                dropped=health.counters.total_dropped,
                is_tracker_there=True,
                paused=playback.paused,
                engine=self._engine,
                targets=tuple(map(_shown, stale.targets)) if stale else self._targets,
                latencies=tuple(self._latencies),
                diagnostics=diagnostics(health, playback.stands_still),
                playback=playback.state,
            )

    def watch(self, is_watched: bool) -> None:
        """See ``Feed``; a page that is opened while the video stands still gets what it shows."""
        newest = self._newest
        if is_watched and newest is not None and self._playback.stands_still:
            self._show(newest)

    def follow(self, box_xywh: Box, target_id: str, stamp_ns: int) -> str:
        """See ``Feed``; gives the target's id. A video that waits on its first frame begins."""
        session, playback = self._begun(), self._playback
        if playback.state == "ended":
            raise DataError("the video has ended; play it again, then draw a box")
        box = RotatedBox.from_xywh(box_xywh)
        started = session.start_target(box, target_id, stamp_ns)
        if playback.state == "waiting":
            playback.go_on()
        elif playback.stands_still:
            playback.show_again()
        return started.target_id if started else target_id

    def forget(self, target_id: str) -> str:
        """See ``Feed``."""
        if not self._begun().forget(target_id):
            raise DataError(f"no such target: {target_id}")
        self._answer_again()
        return f"target {target_id} is forgotten"

    def reset(self) -> str:
        """See ``Feed``."""
        count = self._begun().reset()
        self._answer_again()
        return f"{count} {'target' if count == 1 else 'targets'} forgotten"

    def _answer_again(self) -> None:
        """Without this the page of a video that stands still would keep what was forgotten."""
        if self._playback.stands_still:
            self._playback.show_again()

    def pause(self, paused: bool) -> str:
        """See ``Feed``. A video stands still meanwhile; one that has ended plays again."""
        session, playback = self._begun(), self._playback
        if playback.is_camera:
            session.set_paused(paused)
        if paused:
            playback.pause()
            return "paused"
        if playback.state == "ended":
            # They were followed to the end; at the beginning they are somewhere else.
            session.reset()
        playback.go_on()
        return "running"


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
        is_searched=not result.reason.endswith(SEARCH_ENDED),
    )


def diagnostics(health: Health, stands_still: bool) -> tuple[Diagnosis, ...]:
    """The session's health as the page shows it; no frames come while the video stands still."""
    inference = health.inference()
    if stands_still and inference.level < Level.ERROR and not health.errors_in_row:
        inference = HealthStatus(Level.OK, "idle: the video stands still")
    verdicts = {"inference": inference}
    if not stands_still:
        verdicts = {
            "image stream": health.image_stream(),
            **verdicts,
            "targets": health.targets(),
        }
    return tuple(
        Diagnosis(int(verdict.level), f"siammask: {part}", verdict.message)
        for part, verdict in verdicts.items()
    )


def serve(options: argparse.Namespace, source: Source) -> int:
    """Serves the page until a signal; the exit code. Raises ConfigError or DataError."""
    config = WebConfig(**{name: getattr(options, name) for name in _OPTIONS})
    feed = SessionFeed(source, lambda shot: server.show(shot), options.loop)
    # Refused before a network is loaded, where the settings do not allow to serve.
    server = Server(config, feed)
    asked_to_stop = threading.Event()
    is_loading = True

    def stop(number: int, _: object) -> None:
        asked_to_stop.set()
        if is_loading:
            raise KeyboardInterrupt

    with contextlib.ExitStack() as running:
        running.callback(feed.close)
        running.callback(server.close)
        for number in (signal.SIGINT, signal.SIGTERM):
            running.callback(signal.signal, number, signal.signal(number, stop))
        try:
            server.start()
            _say_where(server, config)
            feed.begin(*_loaded(options))
        except KeyboardInterrupt:
            return 0
        is_loading = False
        feed.play(asked_to_stop)
        # A camera that has ended stays on the page: a recording of it can still be ended.
        asked_to_stop.wait()
    return 0


def _say_where(server: Server, config: WebConfig) -> None:
    here, *elsewhere = server.urls
    print(f"dashboard: {here} (Ctrl-C ends it)", flush=True)
    for url in elsewhere:
        print(f"from a phone or another computer: {url}", flush=True)
    if config.is_loopback:
        print("for a phone: --address 0.0.0.0 --token-file FILE", flush=True)
    print("loading the network …", flush=True)


def _loaded(options: argparse.Namespace) -> tuple[Tracker, dict[str, str]]:
    """The tracker, and what the page says of it."""
    tracker = open_tracker(options)
    info = tracker.engine.info
    engine = {"model": options.model, "engine": info.engine, "device": info.device}
    engine |= {"precision": info.precision, "checkpoint": info.checkpoint}
    print("ready", flush=True)
    return tracker, engine
