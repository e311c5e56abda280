"""The measured points of a target: its mask and a registered depth image as a point cloud."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from siammask_ros.geometry.camera_model import CameraModel
from siammask_ros.ros.spatial.depth import DepthImage
from siammask_ros.session import TrackedTarget

_FIELDS = [
    PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
    for index, name in enumerate("xyz")
]


def target_points(
    target: TrackedTarget, depths: DepthImage, camera: CameraModel
) -> NDArray[np.float32]:
    """Return the points (n, 3) in metres in the optical frame, one per mask pixel with a depth.

    Zero, negative and non-finite depths are holes. Pixels for which the distortion formula has no
    solution are left out.
    """
    mask = target.result.mask
    if mask is None:
        return np.zeros((0, 3), np.float32)
    depth_m = depths.metres(mask.window)
    is_measured = (mask.binary != 0) & np.isfinite(depth_m) & (depth_m > 0)
    rows, columns = np.nonzero(is_measured)
    rays = camera.rays(np.stack([columns + mask.left, rows + mask.top], axis=1))
    rays = rays / rays[:, 2:]
    points = rays * depth_m[is_measured][:, None]
    finite = points[np.isfinite(points).all(axis=1)]
    return np.asarray(finite, np.float32)


def build_point_cloud(header: Header, points: NDArray[np.float32]) -> PointCloud2:
    """Return points (n, 3) as an unordered cloud of x, y and z."""
    data = array("B")
    data.frombytes(np.ascontiguousarray(points, "<f4").tobytes())
    return PointCloud2(
        header=header,
        height=1,
        width=len(points),
        fields=_FIELDS,
        is_bigendian=False,
        point_step=12,
        row_step=12 * len(points),
        data=data,
        is_dense=True,
    )
