"""Converts results to messages. Each message has the header of the image of its result."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, PoseWithCovariance, Quaternion, Vector3
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    Point2D,
    Pose2D,
)

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.media.image_messages import JPEG_FORMAT, to_jpeg
from siammask_ros.media.result_messages import ResultMessages
from siammask_ros.msg import FrameLatency, Track, TrackArray
from siammask_ros.ros.spatial.target_pose import TargetPose
from siammask_ros.ros.tracking_io.prediction import Predicted
from siammask_ros.session import Frame, FrameResult, TrackedTarget

NOTHING: Mapping[str, Any] = MappingProxyType({})
_KINDS = (
    *(Duration, Time, Header, Track, TrackArray),
    *(Point, Pose, PoseWithCovariance, Quaternion, Vector3),
    *(BoundingBox2D, Detection2D, Detection2DArray, Point2D, Pose2D),
    *(ObjectHypothesis, ObjectHypothesisWithPose),
)
_build = ResultMessages(
    {f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}": kind for kind in _KINDS}
)


def build_header(frame: Frame) -> Header:
    """Return the header of the image of a frame."""
    header: Header = _build.header(frame.stamp_ns, frame.frame_id)
    return header


def build_image(header: Header, image: NDArray[np.uint8]) -> Image:
    """Return an image (H, W) as mono8 or (H, W, 3) as bgr8.

    A message checks each byte of its data, except if it is an array.array.
    """
    height, width = image.shape[:2]
    encoding = "mono8" if image.ndim == 2 else "bgr8"
    data = array("B")
    data.frombytes(np.ascontiguousarray(image).data.cast("B"))
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=width * (1 if image.ndim == 2 else 3),
        data=data,
    )


def build_jpeg(header: Header, image: NDArray[np.uint8]) -> CompressedImage:
    """Return an image (H, W, 3) as JPEG, in the format of image_transport."""
    data = array("B")
    data.frombytes(to_jpeg(image).data)
    return CompressedImage(header=header, format=JPEG_FORMAT, data=data)


def build_detections(
    answer: FrameResult, predicted: Mapping[str, Predicted] = NOTHING
) -> Detection2DArray:
    """Return the rotated box of each target that is visible in the image, or its prediction.

    A LOST target has none.
    """
    header = build_header(answer.frame)
    detections: Detection2DArray = _build.detections(
        header,
        (
            _build.detection(header, target, _box_of(predicted.get(target.target_id)))
            for target in answer.targets
            if target.is_visible
        ),
    )
    return detections


def build_tracks(
    answer: FrameResult,
    poses: Mapping[str, TargetPose] = NOTHING,
    predicted: Mapping[str, Predicted] = NOTHING,
) -> TrackArray:
    """Return all targets, LOST ones too, with their bearings and positions."""
    tracks: TrackArray = _build.tracks(
        build_header(answer.frame),
        answer.config_serial,
        (
            _build_track(target, poses.get(target.target_id), predicted.get(target.target_id))
            for target in answer.targets
        ),
    )
    return tracks


def age_ms(frame: Frame, now_s: float) -> float:
    """Return the age of an image at ``now_s`` of the session's clock, since its stamp if known."""
    return frame.transport_ms + (now_s - frame.arrived_s) * 1e3


def build_latency(answer: FrameResult, publish_ms: float, left_s: float) -> FrameLatency:
    """Return the time of each stage of a result published at ``left_s`` of the session's clock."""
    frame, stages = answer.frame, answer.stages_ms
    return FrameLatency(
        header=build_header(frame),
        transport_ms=frame.transport_ms,
        wait_ms=answer.wait_ms,
        convert_ms=frame.convert_ms,
        crop_ms=stages.get("crop", 0.0),
        network_ms=stages.get("network", 0.0),
        select_ms=stages.get("select", 0.0),
        mask_ms=stages.get("mask", 0.0),
        publish_ms=publish_ms,
        age_ms=age_ms(frame, left_s),
        received=answer.counters.received,
        processed=answer.counters.processed,
        dropped=answer.counters.total_dropped,
    )


def build_box(box: RotatedBox) -> BoundingBox2D:
    """Return a box as a message."""
    message: BoundingBox2D = _build.box(box)
    return message


def read_box(box: BoundingBox2D) -> RotatedBox:
    """Return the box of a message; the session checks whether the image has it."""
    center = box.center.position
    numbers = (center.x, center.y, box.size_x, box.size_y, box.center.theta)
    try:
        return RotatedBox(*(float(number) for number in numbers))
    except (TypeError, ValueError) as error:
        raise BoxError(f"box is {numbers}; expected five numbers") from error


def _box_of(predicted: Predicted | None) -> RotatedBox | None:
    return predicted.box if predicted else None


def _build_track(
    target: TrackedTarget, pose: TargetPose | None, predicted: Predicted | None
) -> Track:
    ms = predicted.ms if predicted else 0.0
    track: Track = _build.track(target, _box_of(predicted), ms)
    if pose is not None:
        x, y, z = (float(part) for part in pose.bearing)
        track.has_bearing, track.bearing = True, Vector3(x=x, y=y, z=z)
    if pose is not None and pose.position is not None:
        x, y, z = (float(part) for part in pose.position.xyz_m)
        track.has_position, track.position = True, Point(x=x, y=y, z=z)
        track.position_covariance = pose.position.covariance_m2.ravel()
    return track
