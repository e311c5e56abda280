"""Builds the markers for RViz: ray, position, outline of the mask and label of each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from siammask_ros.geometry.outlines import simplify_outline
from siammask_ros.media.drawing import colour_of
from siammask_ros.ros.spatial.target_pose import TargetPose
from siammask_ros.ros.tracking_io.messages import build_header
from siammask_ros.session import FrameResult, TrackedTarget

# A target without a position is drawn at this distance along its bearing.
DRAWN_AT_M = 1.0

# If the node dies, its markers disappear.
LIFETIME = Duration(sec=2)

# Sizes as fractions of the distance: markers look equally large at any distance.
LINE, SHAFT, HEAD, HEAD_LENGTH, LETTERS = 0.006, 0.008, 0.02, 0.05, 0.06


def build_markers(answer: FrameResult, poses: Mapping[str, TargetPose]) -> MarkerArray:
    """Return markers for the targets with a bearing. They replace all earlier markers.

    The array begins with DELETEALL, so that a reader that missed an array shows nothing old.
    """
    header = build_header(answer.frame)
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for number, target in enumerate(answer.targets, 1):
        pose = poses.get(target.target_id)
        if pose is not None:
            markers += _markers_of(header, number, target, pose)
    return MarkerArray(markers=markers)


def _markers_of(
    header: Header, number: int, target: TrackedTarget, pose: TargetPose
) -> list[Marker]:
    position = pose.position
    place = pose.bearing * DRAWN_AT_M if position is None else position.xyz_m
    distance_m = float(np.linalg.norm(place))
    about: dict[str, Any] = {"header": header, "id": number, "lifetime": LIFETIME}
    about["color"] = _colour(target.target_id)
    ray = Marker(ns="ray", type=Marker.ARROW, points=[Point(), _point(place)], **about)
    _set_scale(ray, distance_m * np.array([SHAFT, HEAD, HEAD_LENGTH]))
    outline = Marker(ns="outline", type=Marker.LINE_STRIP, **about)
    outline.points = [_point(point) for point in _outline_in_space(target, pose, place[2])]
    _set_scale(outline, distance_m * np.array([LINE, 0.0, 0.0]))
    label = Marker(ns="label", type=Marker.TEXT_VIEW_FACING, text=_label(target, pose), **about)
    label.pose.position = _point(place)
    _set_scale(label, distance_m * np.array([0.0, 0.0, LETTERS]))
    if position is None:
        return [ray, outline, label]
    point = Marker(ns="position", type=Marker.SPHERE, **about)
    point.pose.position = _point(place)
    _set_scale(point, 2 * np.sqrt(np.diag(position.covariance_m2)))
    return [ray, outline, label, point]


def _outline_in_space(target: TrackedTarget, pose: TargetPose, depth_m: float) -> NDArray[Any]:
    """Return the closed outline (n, 3) of the mask, or of the box, on the plane of the target."""
    outline = simplify_outline(target.result.outline)
    points = outline if len(outline) else target.result.box.corners_xy
    rays = pose.camera.rays(points)
    rays = rays[np.isfinite(rays).all(axis=1)]
    on_plane = rays / rays[:, 2:] * depth_m
    return np.concatenate([on_plane, on_plane[:1]])


def _label(target: TrackedTarget, pose: TargetPose) -> str:
    result = target.result
    said = f"{target.target_id} {result.status.name} {result.score:.2f}"
    if pose.position is None:
        return said
    return f"{said} {np.linalg.norm(pose.position.xyz_m):.1f} m"


def _colour(target_id: str) -> ColorRGBA:
    blue, green, red = (value / 255 for value in colour_of(target_id))
    return ColorRGBA(r=red, g=green, b=blue, a=1.0)


def _point(xyz: NDArray[Any]) -> Point:
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def _set_scale(marker: Marker, xyz: NDArray[Any]) -> None:
    marker.scale.x, marker.scale.y, marker.scale.z = (float(value) for value in xyz)
