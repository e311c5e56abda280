"""Boxes moved on to the moment at which they are published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.motion import Motion
from siammask_ros.ros.whereabouts import is_shown
from siammask_ros.session import Frame, FrameResult, TrackedTarget


@dataclass(frozen=True, slots=True)
class Predicted:
    """A target's box so many milliseconds after the image that it was seen in."""

    box: RotatedBox
    ms: float


class Prediction:
    """Learns every target's motion from the answers, in their order."""

    def __init__(self) -> None:
        self._motions: dict[str, Motion] = {}

    def of(self, answer: FrameResult, age_ms: float, max_age_s: float) -> Mapping[str, Predicted]:
        """The boxes at ``age_ms`` after the image, by target, of those that can be told.

        Only targets that are TRACKING in this image have one. None has where the image is older
        than ``max_age_s``, or from the future: then its age is not the delay of this node.
        """
        time_s = _time_s(answer.frame)
        self._motions = {
            target.target_id: self._motions.get(target.target_id, Motion()).seen(
                target.result.box, time_s
            )
            for target in answer.targets
            if _is_tracking(target)
        }
        if not 0 < age_ms <= max_age_s * 1e3:
            return {}
        boxes = {
            target.target_id: self._motions[target.target_id].ahead(target.result.box, age_ms / 1e3)
            for target in answer.targets
            if target.target_id in self._motions
        }
        return {name: Predicted(box, age_ms) for name, box in boxes.items() if box is not None}


def _is_tracking(target: TrackedTarget) -> bool:
    return is_shown(target) and target.result.status.name == "TRACKING"


def _time_s(frame: Frame) -> float:
    return frame.stamp_ns / 1e9 if frame.stamp_ns else frame.arrived_s
