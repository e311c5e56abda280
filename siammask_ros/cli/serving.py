"""``siammask track --serve``: a video, a bag or a camera on the dashboard page, without ROS."""

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
from siammask_ros.media.drawing import DrawnTarget
from siammask_ros.media.frames import Source
from siammask_ros.media.tracked_targets import to_drawn_target
from siammask_ros.session import (
    Frame,
    FrameResult,
    Health,
    HealthStatus,
    Level,
    Session,
    Tracker,
)
from siammask_ros.session.config import SessionConfig
from siammask_ros.web.config import WebConfig
from siammask_ros.web.feed import (
    STAGES,
    WINDOW_FRAMES,
    AnnotatedFrame,
    Box,
    Diagnostic,
    Image,
    Latency,
    RateMeter,
    Status,
    compute_stale_after_s,
)
from siammask_ros.web.server import Server

_OPTIONS = ("address", "port", "token_file", "origins", "record_folder")

# A user may take this long to draw a box on a stopped video.
CHOOSE_WITHIN_S = 5.0


class SessionFeed:
    """A ``Feed`` for the page: a source is played at its own speed through a session.

    ``show`` gets every frame, in the session's worker. A page can be served before there is a
    network: call ``start`` with it, then ``play``, then ``close``.
    """

    def __init__(
        self, source: Source, show: Callable[[AnnotatedFrame], None], loop: bool = False
    ) -> None:
        self._source = source
        self._engine: Mapping[str, str] = {}
        self._show = show
        self._playback = Playback(source, self._submit, loop)
        self._lock = threading.Lock()
        self._camera, self._answers = RateMeter(time.monotonic), RateMeter(time.monotonic)
        self._latencies: deque[Latency] = deque(maxlen=WINDOW_FRAMES)
        self._targets: tuple[DrawnTarget, ...] = ()
        self._newest: AnnotatedFrame | None = None
        self._session: Session | None = None

    def start(self, tracker: Tracker, engine: Mapping[str, str]) -> None:
        """Start the session; ``engine`` is shown on the page."""
        self._engine = engine
        self._session = Session(tracker, self._on_result, SessionConfig(history_s=CHOOSE_WITHIN_S))

    def play(self, stop_event: threading.Event) -> None:
        """Play the source until ``stop_event``; raises DataError if it is damaged."""
        self._playback.run(stop_event)

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.stop()

    def _require_session(self) -> Session:
        if self._session is None:
            raise DataError("the network is still being loaded; wait a moment")
        return self._session

    def _submit(self, image: Image, stamp_ns: int) -> None:
        with self._lock:
            self._camera.count()
        frame = Frame(image, stamp_ns, arrived_s=time.monotonic())
        self._require_session().submit(frame)
        if self._playback.is_camera and self._playback.paused:
            self._put(AnnotatedFrame(frame.image, frame.stamp_ns))

    def _put(self, frame: AnnotatedFrame) -> None:
        self._newest = frame
        self._show(frame)

    def _on_result(self, answer: FrameResult) -> None:
        age_ms = (time.monotonic() - answer.frame.arrived_s) * 1e3
        stages = {"wait": answer.wait_ms, **answer.stages_ms}
        targets = tuple(to_drawn_target(target) for target in answer.targets)
        with self._lock:
            self._answers.count()
            self._targets = targets
            # Without a target nothing is computed, so the time of such a frame means nothing.
            if targets:
                self._latencies.append(
                    Latency(tuple(stages.get(stage, 0.0) for stage in STAGES), age_ms)
                )
        self._put(AnnotatedFrame(answer.frame.image, answer.frame.stamp_ns, targets))

    def status(self) -> Status:
        """See ``Feed``."""
        source, playback = Path(self._source.name).name, self._playback
        if self._session is None:
            return Status(source, playback="loading")
        health, stale = self._session.health(), self._session.build_stale_result()
        if playback.is_stopped:
            stale = None
        with self._lock:
            camera_hz = self._camera.hz
            return Status(
                source=source,
                since_frame_s=self._camera.since_s,
                stale_after_s=compute_stale_after_s(camera_hz),
                box_timeout_s=health.config.history_s,
                camera_hz=camera_hz,
                answers_hz=self._answers.hz,
                received=health.counters.received,
                processed=health.counters.processed,
                dropped=health.counters.total_dropped,
                is_tracker_there=True,
                paused=playback.paused,
                engine=self._engine,
                targets=tuple(map(to_drawn_target, stale.targets)) if stale else self._targets,
                latencies=tuple(self._latencies),
                diagnostics=build_diagnostics(health, playback.is_stopped),
                playback=playback.state,
            )

    def watch(self, is_watched: bool) -> None:
        """See ``Feed``; a page that is opened while the video is stopped gets its frame."""
        newest = self._newest
        if is_watched and newest is not None and self._playback.is_stopped:
            self._show(newest)

    def follow(self, box_xywh: Box, target_id: str, stamp_ns: int) -> str:
        """See ``Feed``; gives the target's id. A video that waits on its first frame begins."""
        session, playback = self._require_session(), self._playback
        if playback.state == "ended":
            raise DataError("the video has ended; play it again, then draw a box")
        box = RotatedBox.from_xywh(box_xywh)
        started = session.start_target(box, target_id, stamp_ns)
        if playback.state == "waiting":
            playback.resume()
        elif playback.is_stopped:
            playback.repeat_frame()
        return started.target_id if started else target_id

    def forget(self, target_id: str) -> str:
        """See ``Feed``."""
        if not self._require_session().forget(target_id):
            raise DataError(f"no such target: {target_id}")
        self._refresh_stopped()
        return f"target {target_id} is forgotten"

    def reset(self) -> str:
        """See ``Feed``."""
        count = self._require_session().reset()
        self._refresh_stopped()
        return f"{count} {'target' if count == 1 else 'targets'} forgotten"

    def _refresh_stopped(self) -> None:
        """Process the frame again, so that the page of a stopped video shows the change."""
        if self._playback.is_stopped:
            self._playback.repeat_frame()

    def pause(self, paused: bool) -> str:
        """See ``Feed``. A video stops meanwhile; one that has ended is replayed."""
        session, playback = self._require_session(), self._playback
        if playback.is_camera:
            session.set_paused(paused)
        if paused:
            playback.pause()
            return "paused"
        if playback.state == "ended":
            # The targets were tracked to the end; at the beginning they are elsewhere.
            session.reset()
        playback.resume()
        return "running"


def build_diagnostics(health: Health, is_stopped: bool) -> tuple[Diagnostic, ...]:
    """Return the health of the session for the page; a stopped video is not an error."""
    inference = health.inference()
    if is_stopped and inference.level < Level.ERROR and not health.errors_in_row:
        inference = HealthStatus(Level.OK, "idle: the video is stopped")
    statuses = {"inference": inference}
    if not is_stopped:
        statuses = {
            "image stream": health.image_stream(),
            **statuses,
            "targets": health.targets(),
        }
    return tuple(
        Diagnostic(int(status.level), f"siammask: {part}", status.message)
        for part, status in statuses.items()
    )


def serve(options: argparse.Namespace, source: Source) -> int:
    """Serve the page until a signal; return the exit code. Raises ConfigError or DataError."""
    config = WebConfig(**{name: getattr(options, name) for name in _OPTIONS})
    feed = SessionFeed(source, lambda frame: server.show(frame), options.loop)
    # Before the network is loaded, so that bad settings are reported at once.
    server = Server(config, feed)
    stop_event = threading.Event()
    is_loading = True

    def stop(number: int, _: object) -> None:
        stop_event.set()
        if is_loading:
            raise KeyboardInterrupt

    with contextlib.ExitStack() as running:
        running.callback(feed.close)
        running.callback(server.close)
        for number in (signal.SIGINT, signal.SIGTERM):
            running.callback(signal.signal, number, signal.signal(number, stop))
        try:
            server.start()
            _print_addresses(server, config)
            feed.start(*_load_tracker(options))
        except KeyboardInterrupt:
            return 0
        is_loading = False
        feed.play(stop_event)
        # The page stays after a camera has ended, so that a recording can still be stopped.
        stop_event.wait()
    return 0


def _print_addresses(server: Server, config: WebConfig) -> None:
    here, *elsewhere = server.urls
    print(f"dashboard: {here} (press Ctrl-C to stop)", flush=True)
    for url in elsewhere:
        print(f"from a phone or another computer: {url}", flush=True)
    if config.is_loopback:
        print("for a phone: --address 0.0.0.0 --token-file FILE", flush=True)
    print("loading the network …", flush=True)


def _load_tracker(options: argparse.Namespace) -> tuple[Tracker, dict[str, str]]:
    """Return the tracker, and the facts that the page shows about it."""
    tracker = open_tracker(options)
    info = tracker.engine.info
    engine = {"model": options.model, "engine": info.engine, "device": info.device}
    engine |= {"precision": info.precision, "checkpoint": info.checkpoint}
    print("ready", flush=True)
    return tracker, engine
