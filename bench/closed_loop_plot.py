"""The picture of a closed loop: the path from above, distance and bearing over time.

`python bench/closed_loop_plot.py docs/images/follower.png` runs the loop and draws it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "test")]
import conftest  # noqa: E402, F401  (it says how ROS 2 is to be used, before rclpy is imported)
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402
from support.closed_loop import Moment, closed_loop, walk  # noqa: E402
from support.planar_world import HALF_VIEW_RAD, World  # noqa: E402

from siammask_ros.following.config import FollowConfig  # noqa: E402
from siammask_ros.media.plots import COLOURS  # noqa: E402

BLUE, ORANGE, _, RED, GREEN = COLOURS[:5]
SHADES = {"UNCERTAIN": "#FFE08A", "LOST": "#F4B6A6", "no position": "#CFE3F5"}


def draw(path: Path, moments: Sequence[Moment], config: FollowConfig) -> None:
    """Draws what happened into a PNG file."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    grid = figure.add_gridspec(3, 2, width_ratios=(1, 1.3))
    _draw_from_above(figure.add_subplot(grid[:, 0]), moments)
    distance, bearing, speed = (figure.add_subplot(grid[row, 1]) for row in range(3))
    at_s = [moment.at_s for moment in moments]
    distance.plot(at_s, [moment.world.distance_m for moment in moments], color=BLUE)
    distance.axhline(config.distance_m, color="black", linestyle="--", linewidth=0.8)
    distance.set_ylabel("distance, m")
    distance.set_ylim(0, None)
    handles = [Patch(color=shade, label=name) for name, shade in SHADES.items()]
    distance.legend(handles=handles, loc="upper right", ncols=3, frameon=False, fontsize=8)
    bearing.plot(at_s, [math.degrees(moment.world.azimuth_rad) for moment in moments], color=BLUE)
    half_view = math.degrees(HALF_VIEW_RAD)
    for side in (-half_view, half_view):
        bearing.axhline(side, color="black", linestyle=":", linewidth=0.8)
    bearing.set_ylim(-1.15 * half_view, 1.15 * half_view)
    bearing.set_ylabel("bearing, degrees\n(dotted: edge of view)")
    linear = [moment.command.linear_m_s for moment in moments]
    angular = [moment.command.angular_rad_s for moment in moments]
    speed.step(at_s, linear, where="post", color=GREEN, label="forwards, m/s")
    speed.step(at_s, angular, where="post", color=ORANGE, label="to the left, rad/s")
    speed.set_ylabel("command")
    speed.set_xlabel("time, s")
    speed.legend(loc="upper left", ncols=2, frameon=False, fontsize=8)
    speed.set_ylim(-0.4, 0.75)
    for axes in (distance, bearing, speed):
        _shade(axes, moments)
        axes.set_xlim(0, at_s[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw_from_above(axes: Any, moments: Sequence[Moment]) -> None:
    robots = [moment.world.robot for moment in moments]
    targets = [moment.world.target_xy_m for moment in moments]
    axes.plot([x for x, _ in targets], [y for _, y in targets], color=RED, label="target")
    axes.plot([r.x_m for r in robots], [r.y_m for r in robots], color=BLUE, label="robot")
    for moment in moments[::20]:
        robot, (x, y) = moment.world.robot, moment.world.target_xy_m
        axes.plot([robot.x_m, x], [robot.y_m, y], color="#BBBBBB", linewidth=0.7, zorder=0)
        ahead = (0.22 * math.cos(robot.yaw_rad), 0.22 * math.sin(robot.yaw_rad))
        axes.annotate(
            "",
            (robot.x_m + ahead[0], robot.y_m + ahead[1]),
            (robot.x_m, robot.y_m),
            arrowprops={"arrowstyle": "-|>", "color": BLUE},
        )
        axes.plot(x, y, "s", color=RED, markersize=5)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("m")
    axes.set_ylabel("m")
    axes.set_title("From above; a grey line joins both every two seconds", loc="left", fontsize=9)
    axes.legend(loc="upper left", frameon=False)


def _shade(axes: Any, moments: Sequence[Moment]) -> None:
    """Shades the stretches in which the robot stands, or only turns."""
    period_s = moments[1].at_s - moments[0].at_s
    for name, group in groupby(moments, _hindrance):
        stretch = list(group)
        if name in SHADES:
            left_s, right_s = stretch[0].at_s, stretch[-1].at_s + period_s
            axes.axvspan(left_s, right_s, color=SHADES[name], linewidth=0, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _hindrance(moment: Moment) -> str:
    if moment.state == "TRACKING" and not moment.has_position:
        return "no position"
    return moment.state


def main() -> int:
    """Runs the loop and draws it into the file of the first argument."""
    with closed_loop(World()) as loop:
        walk(loop)
        draw(Path(sys.argv[1]), loop.moments, loop.follower.config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
