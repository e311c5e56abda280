"""A node as a process: signals, spinning, and an end within three seconds."""

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


class Stop:
    """Whether the process was asked to end, by SIGINT or SIGTERM, however often."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def listen(self) -> None:
        """Takes both signals; call it in the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: Any) -> None:
        if not self.asked.is_set():
            self.asked.set()
            # A callback or inference that hangs must not keep the process: SIGKILL would follow.
            leave = threading.Timer(EXIT_AFTER_S, os._exit, (0,))
            leave.daemon = True
            leave.start()


def run(
    make_node: Callable[[], Any],
    args: Sequence[str] | None,
    body: Callable[[Any, threading.Event], int],
) -> int:
    """Runs a node until ``body(node, asked_to_stop)`` returns, as it has to after a signal.

    Then the process ends with body's exit code. Returns only where the node could not be made:
    EXIT_CONFIGURATION where a restart would not help either, else EXIT_NOT_STARTED.
    """
    stop = Stop()
    stop.listen()
    try:
        arguments = None if args is None else list(args)
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except RCLError as error:
        return _not_started(str(error), EXIT_CONFIGURATION)
    except UnknownROSArgsError as error:
        return _not_started(f"unknown ROS arguments: {error}", EXIT_CONFIGURATION)
    try:
        node = make_node()
    except (ConfigError, ParameterException, NameValidationException) as error:
        return _not_started(str(error), EXIT_CONFIGURATION)
    except SiamMaskError as error:
        return _not_started(str(error), EXIT_NOT_STARTED)
    executor, spinning = spinning_executor(node, stop.asked)
    try:
        code = body(node, stop.asked)
    finally:
        stop.asked.set()
        executor.wake()
        spinning.join(1.0)
        node.destroy_node()
        executor.shutdown(0)
        rclpy.try_shutdown()
    return _leave(code)


def _not_started(reason: str, code: int) -> int:
    """Says in one line why there is no node; the exit code."""
    print(f"error: {' '.join(reason.split())}", file=sys.stderr)
    rclpy.try_shutdown()
    return code


def _leave(code: int) -> int:
    """Ends the process, its clean-up done.

    Python's own way out unloads every library, which takes seconds on a busy machine and may
    crash under an inference that was left behind.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def spinning_executor(node: Any, asked: threading.Event) -> tuple[PooledExecutor, threading.Thread]:
    """The node's executor and the thread that spins it until ``asked``.

    An exception that reaches this far is logged, and spinning goes on.
    """

    def caught(error: Exception) -> None:
        if executor.context.ok():
            node.get_logger().error(f"caught while spinning: {error!r}")

    def spin() -> None:
        while not asked.is_set():
            executor.spin_once(timeout_sec=0.5)

    executor = PooledExecutor(CALLBACK_THREADS, caught, node.context)
    executor.add_node(node)
    spinning = threading.Thread(target=spin, name="spin", daemon=True)
    spinning.start()
    return executor, spinning
