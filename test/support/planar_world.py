"""A flat world with a robot, a target and a cover, and what the robot's camera sees of it.

The robot drives on a plane, x forward and y to the left, and its camera looks ahead from its
middle; images have no distortion, as those of `calibrated_camera`. The target and the
cover are upright posters that always face the camera, before a wall that is far away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from support.calibrated_camera import CENTER_PX, FOCAL_PX

from siammask_ros.following.control_law import Velocity
from siammask_ros.geometry.boxes import RotatedBox

WIDTH_PX, HEIGHT_PX = 320, 240
WALL_M = 8.0
HALF_VIEW_RAD = math.atan2(WIDTH_PX / 2, FOCAL_PX)
TARGET_SIZE_M = (0.5, 0.7)
COVER_SIZE_M = (1.2, 1.2)


@dataclass(frozen=True)
class Pose:
    """Where the robot is (m) and where it looks (rad, to the left of the x axis)."""

    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0

    def driven(self, velocity: Velocity, elapsed_s: float) -> Pose:
        """The pose after driving an arc at this velocity."""
        yaw_rad = self.yaw_rad + velocity.angular_rad_s * elapsed_s
        middle_rad = (self.yaw_rad + yaw_rad) / 2
        driven_m = velocity.linear_m_s * elapsed_s
        return Pose(
            self.x_m + driven_m * math.cos(middle_rad),
            self.y_m + driven_m * math.sin(middle_rad),
            yaw_rad,
        )


@dataclass(frozen=True)
class World:
    """One moment: the robot, where the target stands, and whether it is covered."""

    robot: Pose = Pose()
    target_xy_m: tuple[float, float] = (3.5, 0.6)
    is_covered: bool = False

    def moved(self, command: Velocity, target_velocity: tuple[float, float], s: float) -> World:
        (x, y), (vx, vy) = self.target_xy_m, target_velocity
        return replace(
            self, robot=self.robot.driven(command, s), target_xy_m=(x + vx * s, y + vy * s)
        )

    @property
    def distance_m(self) -> float:
        return math.dist((self.robot.x_m, self.robot.y_m), self.target_xy_m)

    @property
    def azimuth_rad(self) -> float:
        """The target's angle to the left of where the robot looks."""
        x, y = self.target_xy_m
        angle = math.atan2(y - self.robot.y_m, x - self.robot.x_m) - self.robot.yaw_rad
        return math.remainder(angle, 2 * math.pi)

    @property
    def box(self) -> RotatedBox:
        """The target in the picture."""
        x, y, z = self._in_camera(1.0)
        width, height = (FOCAL_PX * side / z for side in TARGET_SIZE_M)
        return RotatedBox(
            CENTER_PX[0] + FOCAL_PX * x / z, CENTER_PX[1] + FOCAL_PX * y / z, width, height
        )

    def seen(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The picture (H, W, 3) BGR and its depths (H, W) in metres."""
        picture = _wall(self.robot.yaw_rad)
        depth_m = np.full(picture.shape[:2], WALL_M, np.float32)
        _put_up(picture, depth_m, TARGET, TARGET_SIZE_M, self._in_camera(1.0))
        if self.is_covered:
            _put_up(picture, depth_m, COVER, COVER_SIZE_M, self._in_camera(0.8))
        return picture, depth_m

    def _in_camera(self, part: float) -> tuple[float, float, float]:
        """A point on the line to the target, this part of the way, in the optical frame."""
        ahead_m = self.distance_m * math.cos(self.azimuth_rad)
        left_m = self.distance_m * math.sin(self.azimuth_rad)
        return -part * left_m, 0.0, part * ahead_m


def _poster(rows: int, columns: int, low: int, high: int, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(low, high, (rows, columns, 3), np.uint8)
    return coarse.repeat(20, axis=0).repeat(20, axis=1)


def _panorama() -> NDArray[np.uint8]:
    """The wall all around, a column a pixel of the picture's middle."""
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 256, (HEIGHT_PX // 12, 156, 3), np.uint8)
    width = round(2 * math.pi * FOCAL_PX)
    # Thrice around, of which the middle is kept: it has no seam.
    size = (3 * width, HEIGHT_PX)
    smooth = cv2.resize(np.tile(noise, (1, 3, 1)), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(70 + smooth[:, width : 2 * width] * 0.25, np.uint8)


TARGET = _poster(7, 5, 0, 256, seed=3)
TARGET[:, :, 2] = 255 - TARGET[:, :, 2] // 4  # mostly red: a thing, not a pattern
COVER = _poster(6, 6, 100, 112, seed=5)
_PANORAMA = _panorama()


def _wall(yaw_rad: float) -> NDArray[np.uint8]:
    columns = np.arange(WIDTH_PX, dtype=np.float64)
    right_rad = np.arctan2(columns - CENTER_PX[0], FOCAL_PX) - yaw_rad
    around = (right_rad * FOCAL_PX) % _PANORAMA.shape[1]
    map_x = np.broadcast_to(around.astype(np.float32), (HEIGHT_PX, WIDTH_PX))
    map_y = np.broadcast_to(np.arange(HEIGHT_PX, dtype=np.float32)[:, None], map_x.shape)
    return np.asarray(
        cv2.remap(
            _PANORAMA,
            np.ascontiguousarray(map_x),
            np.ascontiguousarray(map_y),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        ),
        np.uint8,
    )


def _put_up(
    picture: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    poster: NDArray[np.uint8],
    size_m: tuple[float, float],
    at: tuple[float, float, float],
) -> None:
    """Draws a poster where it is; behind the camera it is not seen."""
    x, y, z = at
    if z < 0.05:
        return
    height, width = poster.shape[:2]
    across, down = FOCAL_PX * size_m[0] / z / width, FOCAL_PX * size_m[1] / z / height
    left = CENTER_PX[0] + FOCAL_PX * x / z - across * width / 2
    top = CENTER_PX[1] + FOCAL_PX * y / z - down * height / 2
    onto = np.array([[across, 0, left], [0, down, top]])
    size = (WIDTH_PX, HEIGHT_PX)
    drawn = cv2.warpAffine(poster, onto, size, flags=cv2.INTER_AREA)
    covered = cv2.warpAffine(np.full((height, width), 255, np.uint8), onto, size) > 127
    picture[covered] = drawn[covered]
    depth_m[covered] = z
