"""A node as a process: signals, spinning, and an exit within three seconds."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.signals import SignalHandlerOptions

from siammask_ros.errors import ConfigError, SiamMaskError
from siammask_ros.ros.runtime.compatibility import RCLError, UnknownROSArgsError
from siammask_ros.ros.runtime.executor import PooledExecutor
from siammask_ros.ros.runtime.exit_codes import EXIT_CONFIGURATION, EXIT_NOT_STARTED

EXIT_AFTER_S = 2.5
CALLBACK_THREADS = 4


class StopSignal:
    """Whether the process received SIGINT or SIGTERM, once or repeatedly."""

    def __init__(self) -> None:
        self.requested = threading.Event()

    def install(self) -> None:
        """Install both signal handlers; call it in the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: Any) -> None:
        if not self.requested.is_set():
            self.requested.set()
            # A hanging callback or inference must not delay the exit.
            leave = threading.Timer(EXIT_AFTER_S, os._exit, (0,))
            leave.daemon = True
            leave.start()


def run(
    make_node: Callable[[], Any],
    args: Sequence[str] | None,
    body: Callable[[Any, threading.Event], int],
) -> int:
    """Run a node until ``body(node, stop_event)`` returns, which it must do after a signal.

    Then the process exits with body's code. Returns only if the node could not be created:
    EXIT_CONFIGURATION if a restart would not help, else EXIT_NOT_STARTED.
    """
    stop = StopSignal()
    stop.install()
    try:
        arguments = None if args is None else list(args)
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except RCLError as error:
        return _report_start_failure(str(error), EXIT_CONFIGURATION)
    except UnknownROSArgsError as error:
        return _report_start_failure(f"unknown ROS arguments: {error}", EXIT_CONFIGURATION)
    try:
        node = make_node()
    except (ConfigError, ParameterException, NameValidationException) as error:
        return _report_start_failure(str(error), EXIT_CONFIGURATION)
    except SiamMaskError as error:
        return _report_start_failure(str(error), EXIT_NOT_STARTED)
    executor, thread = start_executor(node, stop.requested)
    try:
        code = body(node, stop.requested)
    finally:
        stop.requested.set()
        executor.wake()
        thread.join(1.0)
        node.destroy_node()
        executor.shutdown(0)
        rclpy.try_shutdown()
    return _exit_process(code)


def _report_start_failure(reason: str, code: int) -> int:
    """Print why there is no node in one line; return the exit code."""
    print(f"error: {' '.join(reason.split())}", file=sys.stderr)
    rclpy.try_shutdown()
    return code


def _exit_process(code: int) -> int:
    """Exit after the clean-up.

    Python's normal exit unloads every library. That takes seconds on a busy machine and may crash
    if an inference is still running.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def start_executor(
    node: Any, requested: threading.Event
) -> tuple[PooledExecutor, threading.Thread]:
    """Return the node's executor and the thread that spins it until ``requested``.

    Exceptions that reach the executor are logged, and spinning continues.
    """

    def log_error(error: Exception) -> None:
        if executor.context.ok():
            node.get_logger().error(f"exception in the executor; it continues: {error!r}")

    def spin() -> None:
        while not requested.is_set():
            executor.spin_once(timeout_sec=0.5)

    executor = PooledExecutor(CALLBACK_THREADS, log_error, node.context)
    executor.add_node(node)
    thread = threading.Thread(target=spin, name="spin", daemon=True)
    thread.start()
    return executor, thread
