"""Reads the calibration of the camera from `camera_info`."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from siammask_ros.errors import CalibrationError
from siammask_ros.geometry.camera_model import CameraModel
from siammask_ros.ros.runtime.guard import CallbackGuard
from siammask_ros.ros.spatial.sensor_topic import SensorTopic
from siammask_ros.session import Frame

MOST_COEFFICIENTS = 14


class Calibration(SensorTopic):
    """Subscribes to `camera_info` until closed; the newest message counts.

    ``rectified`` returns whether the images are rectified.
    """

    def __init__(self, node: Node, guard: CallbackGuard, rectified: Callable[[], bool]) -> None:
        self._rectified = rectified
        callback, what = self._on_camera_info, "camera_info"
        super().__init__(node, guard, CameraInfo, "camera_info", callback, what, "bearing")

    def find_camera_model(self, frame: Frame) -> CameraModel | None:
        """Return the calibration that fits this frame, or None."""
        known: tuple[CameraModel, str] | None = self._known
        if known is None:
            return None
        camera, frame_id = known
        return camera if self._fits(_describe_mismatch(camera, frame_id, frame)) else None

    def _on_camera_info(self, message: CameraInfo) -> None:
        try:
            camera = read_camera_info(message, self._rectified())
        except CalibrationError as error:
            self._refuse(error)
            return
        self._known = (camera, message.header.frame_id)
        self._refusal = self._mismatch = ""


def _describe_mismatch(camera: CameraModel, frame_id: str, frame: Frame) -> str:
    """Return why this calibration does not fit the frame, or an empty text."""
    height, width = frame.size
    if (width, height) != (camera.width_px, camera.height_px):
        return (
            f"camera_info is for images of {camera.width_px}×{camera.height_px} px, but the "
            f"images have {width}×{height}; expected the camera_info of the same camera"
        )
    if frame_id and frame.frame_id and frame_id != frame.frame_id:
        return (
            f"camera_info is of frame {frame_id[:40]!r} and the images are of "
            f"{frame.frame_id[:40]!r}; expected the camera_info of the same camera"
        )
    return ""


def read_camera_info(message: CameraInfo, rectified: bool) -> CameraModel:
    """Return the calibration in a message, for images after binning and region of interest.

    Rectified images use P and no distortion, raw images K and D. Raises CalibrationError if the
    matrix is not that of a camera.
    """
    columns = 4 if rectified else 3
    matrix = [float(value) for value in (message.p if rectified else message.k)]
    fx, skew, cx = matrix[:3]
    yx, fy, cy = matrix[columns : columns + 3]
    bottom = matrix[2 * columns : 2 * columns + 3]
    if fx and (skew, yx, bottom) != (0.0, 0.0, [0.0, 0.0, 1.0]):
        name = "P" if rectified else "K"
        raise CalibrationError(
            f"{name} is {matrix}; expected the form [fx 0 cx, 0 fy cy, 0 0 1], row by row"
        )
    if len(message.d) > MOST_COEFFICIENTS:
        raise CalibrationError(
            f"distortion has {len(message.d)} coefficients; expected at most {MOST_COEFFICIENTS}"
        )
    # As in image_geometry, the numbers are those of the whole sensor at full resolution.
    bin_x, bin_y = max(int(message.binning_x), 1), max(int(message.binning_y), 1)
    roi = message.roi
    return CameraModel(
        width_px=int(roi.width or message.width) // bin_x,
        height_px=int(roi.height or message.height) // bin_y,
        focal_xy_px=(fx / bin_x, fy / bin_y),
        center_in_image=((cx - roi.x_offset) / bin_x, (cy - roi.y_offset) / bin_y),
        distortion_model="" if rectified else message.distortion_model,
        distortion=() if rectified else tuple(float(value) for value in message.d),
    )
