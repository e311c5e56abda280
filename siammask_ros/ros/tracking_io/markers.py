"""What RViz shows of the targets in space: ray, position, outline of the mask, label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from siammask_ros.geometry.outlines import simplified
from siammask_ros.media.drawing import colour_of
from siammask_ros.ros.spatial.target_pose import TargetPose
from siammask_ros.ros.tracking_io.messages import header_of
from siammask_ros.session import FrameResult, TrackedTarget

# Where a target is drawn whose distance is not known: on the unit sphere, so along its bearing.
DRAWN_AT_M = 1.0

# A node that died leaves nothing on the screen.
LIFETIME = Duration(sec=2)

# Sizes as parts of the distance: the same on the screen however far a target is.
LINE, SHAFT, HEAD, HEAD_LENGTH, LETTERS = 0.006, 0.008, 0.02, 0.05, 0.06


def markers_message(answer: FrameResult, where: Mapping[str, TargetPose]) -> MarkerArray:
    """Markers for the targets whose direction is known, in place of all earlier ones.

    Everything is deleted first, so that what is gone goes, even for a reader that missed an array.
    """
    header = header_of(answer.frame)
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for number, target in enumerate(answer.targets, 1):
        known = where.get(target.target_id)
        if known is not None:
            markers += _markers_of(header, number, target, known)
    return MarkerArray(markers=markers)


def _markers_of(
    header: Header, number: int, target: TrackedTarget, known: TargetPose
) -> list[Marker]:
    position = known.position
    place = known.bearing * DRAWN_AT_M if position is None else position.xyz_m
    distance_m = float(np.linalg.norm(place))
    about: dict[str, Any] = {"header": header, "id": number, "lifetime": LIFETIME}
    about["color"] = _colour(target.target_id)
    ray = Marker(ns="ray", type=Marker.ARROW, points=[Point(), _point(place)], **about)
    _set_scale(ray, distance_m * np.array([SHAFT, HEAD, HEAD_LENGTH]))
    outline = Marker(ns="outline", type=Marker.LINE_STRIP, **about)
    outline.points = [_point(point) for point in _outline_in_space(target, known, place[2])]
    _set_scale(outline, distance_m * np.array([LINE, 0.0, 0.0]))
    label = Marker(ns="label", type=Marker.TEXT_VIEW_FACING, text=_label(target, known), **about)
    label.pose.position = _point(place)
    _set_scale(label, distance_m * np.array([0.0, 0.0, LETTERS]))
    if position is None:
        return [ray, outline, label]
    point = Marker(ns="position", type=Marker.SPHERE, **about)
    point.pose.position = _point(place)
    _set_scale(point, 2 * np.sqrt(np.diag(position.covariance_m2)))
    return [ray, outline, label, point]


def _outline_in_space(target: TrackedTarget, known: TargetPose, depth_m: float) -> NDArray[Any]:
    """The closed outline (n, 3) on the plane through the target; of its box without a mask."""
    outline = simplified(target.result.outline)
    points = outline if len(outline) else target.result.box.corners_xy
    rays = known.lens.rays(points)
    rays = rays[np.isfinite(rays).all(axis=1)]
    on_plane = rays / rays[:, 2:] * depth_m
    return np.concatenate([on_plane, on_plane[:1]])


def _label(target: TrackedTarget, known: TargetPose) -> str:
    result = target.result
    said = f"{target.target_id} {result.status.name} {result.score:.2f}"
    if known.position is None:
        return said
    return f"{said} {np.linalg.norm(known.position.xyz_m):.1f} m"


def _colour(target_id: str) -> ColorRGBA:
    blue, green, red = (value / 255 for value in colour_of(target_id))
    return ColorRGBA(r=red, g=green, b=blue, a=1.0)


def _point(xyz: NDArray[Any]) -> Point:
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def _set_scale(marker: Marker, xyz: NDArray[Any]) -> None:
    marker.scale.x, marker.scale.y, marker.scale.z = (float(value) for value in xyz)
