"""Tracker and follower in a closed loop with a simulated camera and robot, over real ROS 2.

The simulation goes in lock step with the answers: it renders the next picture when the robot has
got its command on the last one. However slow the machine is, the run is the same.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from numpy.typing import NDArray
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from siammask_ros.msg import Track, TrackArray
from std_msgs.msg import Header
from support.calibrated_camera import CameraInfos
from support.node_bench import NODE, NodeBench, wait_until_matched
from support.planar_world import World
from support.session_bench import wait_until

from siammask_ros.engines.registry import open_engine
from siammask_ros.following.control_law import Velocity
from siammask_ros.media.image_messages import stamp_ns
from siammask_ros.ros.nodes.follower import FollowerNode
from siammask_ros.ros.runtime.process import start_executor
from siammask_ros.ros.tracking_io.messages import build_image

PERIOD_NS = 100_000_000
START_NS = 1_000 * 10**9
TARGET_ID = "target"
# A tracker that has not come back to the target by then is told again.
RETURN_S = 2.0
# An image that nobody answers was lost on its way, as may happen to best-effort messages.
SEND_AGAIN_S = 10.0
GIVE_UP_AFTER = 12
STATES = {
    Track.TRACKING: "TRACKING",
    Track.UNCERTAIN: "UNCERTAIN",
    Track.LOST: "LOST",
    Track.STALE: "STALE",
}


@dataclass(frozen=True)
class Moment:
    """What was true at one picture, what the tracker said of it, and what the robot was told.

    ``state`` is empty before a target was chosen; ``stop_reason`` is why the robot stopped.
    """

    at_s: float
    world: World
    state: str
    has_position: bool
    command: Velocity
    stop_reason: str


class ClosedLoop:
    """A world that is seen, tracked and driven in; ``moments`` is what happened."""

    def __init__(self, bench: NodeBench, world: World) -> None:
        self.world = world
        self.moments: list[Moment] = []
        self.has_depth = True
        self.now_ns = START_NS
        self._bench = bench
        self._header = Header()
        # The machine's own time stands still with that of the world.
        self.follower = FollowerNode(
            lambda: self.now_ns / 1e9,
            context=bench.context,
            parameter_overrides=[
                Parameter("use_sim_time", value=True),
                Parameter("enabled", value=True),
            ],
        )
        self._asked = threading.Event()
        self._executor, self._spinning = start_executor(self.follower, self._asked)
        client = bench.client
        client.listen(TwistStamped, "/cmd_vel")
        self._clock = client.publisher(Clock, "/clock")
        wait_until_matched(self._clock, self.follower)
        self._depths = bench.publisher(Image, "/depth")
        CameraInfos(bench).until_told("from")

    def close(self) -> None:
        """Ends the follower."""
        self._asked.set()
        self._executor.wake()
        self._spinning.join(5)
        self.follower.destroy_node()
        self._executor.shutdown(1)

    def show_target(self) -> None:
        """Says by a box on the last picture what to follow."""
        self._bench.client.send_box(self.world.box, TARGET_ID, self._header)
        session = self._bench.session
        assert session is not None
        wait_until(lambda: TARGET_ID in session.health().statuses, "the target to be known", 60)

    def step(self, target_velocity: tuple[float, float] = (0.0, 0.0)) -> Moment:
        """One picture, its tracks and its command; then the robot and the target move on."""
        self.now_ns += PERIOD_NS
        seconds, nanoseconds = divmod(self.now_ns, 10**9)
        stamp = Time(sec=seconds, nanosec=nanoseconds)
        self._clock.publish(Clock(clock=stamp))
        clock = self.follower.get_clock()
        wait_until(lambda: clock.now().nanoseconds == self.now_ns, "the follower's clock", 60)
        self._header = Header(stamp=stamp, frame_id="camera")
        tracks = self._answer()
        track = next(iter(tracks.tracks), None)
        moment = Moment(
            at_s=(self.now_ns - START_NS) / 1e9,
            world=self.world,
            state=STATES[track.state] if track is not None else "",
            has_position=track is not None and track.has_position,
            command=self._command(),
            stop_reason=self.follower.state.stop_reason,
        )
        self.moments.append(moment)
        self.world = self.world.moved(moment.command, target_velocity, PERIOD_NS / 1e9)
        return moment

    def stretch(
        self, seconds: float, target_velocity: tuple[float, float] = (0.0, 0.0)
    ) -> list[Moment]:
        """So many seconds of the world's time."""
        return [self.step(target_velocity) for _ in range(round(seconds * 1e9 / PERIOD_NS))]

    def cover(self, is_covered: bool) -> None:
        """Puts the cover before the target, or takes it away."""
        self.world = replace(self.world, is_covered=is_covered)

    def _answer(self) -> TrackArray:
        """The tracks of the picture as it is now, which the follower has heard, too."""
        picture, depth_m = self.world.seen()
        client = self._bench.client

        def answered() -> bool:
            return self.follower.state.stamp_ns == self.now_ns

        for _ in range(GIVE_UP_AFTER):
            if self.has_depth:
                self._depths.publish(_depth_message(self._header, depth_m))
            client.images.publish(build_image(self._header, picture))
            try:
                wait_until(answered, "the follower to hear of it", SEND_AGAIN_S)
            except AssertionError:
                continue
            return client.of_stamp(f"{NODE}/tracks", self._header, 60)
        raise AssertionError(f"no answer to {GIVE_UP_AFTER} times the same picture")

    def _command(self) -> Velocity:
        """What the follower told the robot at this moment, as it arrived over ROS."""
        decided = self.follower.state.velocity

        def heard() -> Velocity | None:
            newest = self._bench.client.heard["/cmd_vel"][-1:]
            for command in newest:
                said = Velocity(command.twist.linear.x, command.twist.angular.z)
                if stamp_ns(command.header) == self.now_ns and said == decided:
                    return said
            return None

        velocity = wait_until(heard, "the robot to hear its command", 60)
        assert isinstance(velocity, Velocity)
        return velocity


def walk(loop: ClosedLoop) -> dict[str, list[Moment]]:
    """A target that walks, stands, is covered, walks on and stands; then there is no depth.

    The moments of each stretch by its name.
    """
    stretches = {"unknown": [loop.step()]}
    loop.show_target()
    stretches["approached"] = loop.stretch(6, (0.1, 0.15))
    stretches["followed"] = loop.stretch(4, (0.4, 0.05))
    loop.cover(True)
    stretches["covered"] = loop.stretch(2)
    loop.cover(False)
    stretches["shown again"] = loop.stretch(RETURN_S)
    if stretches["shown again"][-1].state != "TRACKING":
        loop.show_target()
    stretches["walked on"] = loop.stretch(6, (-0.1, 0.3))
    stretches["stood"] = loop.stretch(5)
    loop.has_depth = False
    stretches["without depth"] = loop.stretch(4, (0.3, -0.2))
    return stretches


@contextmanager
def closed_loop(world: World) -> Iterator[ClosedLoop]:
    """A loop with the real tracker: the network that this package ships, on the processor."""
    with NodeBench(
        open_engine=open_engine,
        model="lite",
        device="cpu",
        frame_timeout_s=3600.0,
        # The depth image may come after its picture: the one before serves as well.
        depth_max_offset_s=0.2,
    ) as bench:
        loop = ClosedLoop(bench, world)
        try:
            yield loop
        finally:
            loop.close()


def _depth_message(header: Header, depth_m: NDArray[np.float32]) -> Image:
    height, width = depth_m.shape
    data = array("B", depth_m.astype("<f4").tobytes())
    return Image(
        header=header, height=height, width=width, encoding="32FC1", step=4 * width, data=data
    )
