"""Converts results to messages. Each message has the header of the image of its result."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Vector3
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    ObjectHypothesisWithPose,
    Point2D,
)

from siammask_ros.errors import BoxError
from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.outlines import simplify_outline
from siammask_ros.media.image_messages import JPEG_FORMAT, NANOSECONDS, to_jpeg
from siammask_ros.msg import FrameLatency, Track, TrackArray
from siammask_ros.ros.spatial.target_pose import TargetPose, is_shown
from siammask_ros.ros.tracking_io.prediction import Predicted
from siammask_ros.session import Frame, FrameResult, TrackedTarget

CLASS_ID = "target"
NOTHING: Mapping[str, Any] = MappingProxyType({})


def build_header(frame: Frame) -> Header:
    """Return the header of the image of a frame."""
    seconds, nanoseconds = divmod(frame.stamp_ns, NANOSECONDS)
    return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame.frame_id)


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
    return Detection2DArray(
        header=header,
        detections=[
            _detection(header, target, predicted.get(target.target_id))
            for target in answer.targets
            if is_shown(target)
        ],
    )


def build_tracks(
    answer: FrameResult,
    poses: Mapping[str, TargetPose] = NOTHING,
    predicted: Mapping[str, Predicted] = NOTHING,
) -> TrackArray:
    """Return all targets, LOST ones too, with their bearings and positions."""
    return TrackArray(
        header=build_header(answer.frame),
        config_serial=answer.config_serial,
        tracks=[
            _track(target, poses.get(target.target_id), predicted.get(target.target_id))
            for target in answer.targets
        ],
    )


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


def read_box(box: BoundingBox2D) -> RotatedBox:
    """Return the box of a message; the session checks whether the image has it."""
    center = box.center.position
    numbers = (center.x, center.y, box.size_x, box.size_y, box.center.theta)
    try:
        return RotatedBox(*(float(number) for number in numbers))
    except (TypeError, ValueError) as error:
        raise BoxError(f"box holds something that is no number: {numbers}") from error


def _detection(header: Header, target: TrackedTarget, predicted: Predicted | None) -> Detection2D:
    detection = Detection2D(header=header, id=target.target_id)
    detection.bbox = _bounding_box(predicted.box if predicted else target.result.box)
    hypothesis = ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id = CLASS_ID
    hypothesis.hypothesis.score = float(target.result.score)
    detection.results = [hypothesis]
    return detection


def _track(target: TrackedTarget, pose: TargetPose | None, predicted: Predicted | None) -> Track:
    result = target.result
    box = predicted.box if predicted else result.box
    track = Track(
        id=target.target_id,
        state=int(result.status),
        reason=result.reason,
        score=float(result.score),
        box=_bounding_box(box),
        corners=[_point(corner) for corner in box.corners_xy],
        predicted_ms=predicted.ms if predicted else 0.0,
        observed_box=_bounding_box(result.box),
        outline=[_point(point) for point in simplify_outline(result.outline)],
        mask_area=result.mask.area_px if result.mask is not None else 0,
        time_since_seen=_duration(target.unseen_s),
    )
    if pose is not None:
        x, y, z = (float(part) for part in pose.bearing)
        track.has_bearing, track.bearing = True, Vector3(x=x, y=y, z=z)
    if pose is not None and pose.position is not None:
        x, y, z = (float(part) for part in pose.position.xyz_m)
        track.has_position, track.position = True, Point(x=x, y=y, z=z)
        track.position_covariance = pose.position.covariance_m2.ravel()
    return track


def _bounding_box(box: RotatedBox) -> BoundingBox2D:
    message = BoundingBox2D(size_x=float(box.width), size_y=float(box.height))
    message.center.position.x = float(box.x)
    message.center.position.y = float(box.y)
    message.center.theta = float(box.theta)
    return message


def _point(point: Any) -> Point2D:
    return Point2D(x=float(point[0]), y=float(point[1]))


def _duration(seconds: float) -> Duration:
    whole, rest = divmod(max(round(seconds * NANOSECONDS), 0), NANOSECONDS)
    return Duration(sec=min(whole, 2**31 - 1), nanosec=rest)
