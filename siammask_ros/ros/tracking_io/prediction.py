"""Predicts boxes for the time at which they are published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.geometry.motion import Motion
from siammask_ros.session import Frame, FrameResult, TrackedTarget


@dataclass(frozen=True, slots=True)
class Predicted:
    """The box of a target, predicted for ``ms`` after the stamp of the image."""

    box: RotatedBox
    ms: float


class Prediction:
    """Estimates the motion of each target from the results, in their order."""

    def __init__(self) -> None:
        self._motions: dict[str, Motion] = {}

    def predict(
        self, answer: FrameResult, age_ms: float, max_age_s: float
    ) -> Mapping[str, Predicted]:
        """Return the boxes at ``age_ms`` after the image, by target id, if they can be predicted.

        Only targets that are TRACKING in this image can. Nothing is predicted if the image is older
        than ``max_age_s`` or from the future: then its age is not the delay of this node.
        """
        tracking = [target for target in answer.targets if _is_tracking(target)]
        time_s = _time_s(answer.frame)
        self._motions = {
            target.target_id: self._motions.get(target.target_id, Motion()).add(
                _search_center(target), time_s, _reach_px(target)
            )
            for target in tracking
        }
        if answer.frame.has_other_clock or not 0 < age_ms <= max_age_s * 1e3:
            return {}
        found = {}
        for target in tracking:
            motion, box = self._motions[target.target_id], target.result.box
            shift = motion.predict_shift(age_ms / 1e3, _reach_px(target))
            if shift is not None:
                moved = replace(box, x=box.x + shift[0], y=box.y + shift[1])
                found[target.target_id] = Predicted(moved, age_ms)
        return found


def _is_tracking(target: TrackedTarget) -> bool:
    return target.is_visible and target.result.status.name == "TRACKING"


def _search_center(target: TrackedTarget) -> tuple[float, float]:
    """Return the centre of the network's box: that of the rotated box jumps with the mask."""
    left, top, width, height = target.result.box_xywh
    return left + width / 2, top + height / 2


def _reach_px(target: TrackedTarget) -> float:
    return max(target.result.box.width, target.result.box.height)


def _time_s(frame: Frame) -> float:
    return frame.stamp_ns / 1e9 if frame.stamp_ns else frame.arrived_s
