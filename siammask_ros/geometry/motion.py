"""Prediction of a target's position a moment later, from its positions in the last images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Older observations may belong to another motion; fewer do not tell motion from noise.
WINDOW_S = 0.5
MIN_OBSERVATIONS = 5
MAX_OBSERVATIONS = 32

# The part of the variance that constant velocity must explain. For a target that shakes, turns or
# stands still the last position is better than a prediction (docs/decisions/0022).
STRAIGHTNESS = 0.97


@dataclass(frozen=True, slots=True)
class Motion:
    """A target's last observations, oldest first: time (s) and centre x, y (px)."""

    observations: tuple[tuple[float, float, float], ...] = ()

    def add(self, center_xy: tuple[float, float], time_s: float, reach_px: float) -> Motion:
        """The motion with one more observation.

        It starts again with this one where time does not increase, after a gap of more than
        ``WINDOW_S``, and where the centre jumped by more than ``reach_px``.
        """
        observation = (time_s, *center_xy)
        if not self._continues(center_xy, time_s, reach_px):
            return Motion((observation,))
        recent = [each for each in self.observations if time_s - each[0] <= WINDOW_S]
        return Motion((*recent, observation)[-MAX_OBSERVATIONS:])

    def predict_shift(self, seconds: float, reach_px: float) -> tuple[float, float] | None:
        """The shift x, y (px) after the last observation, at the velocity of best fit.

        None with too few observations, without constant velocity, and beyond ``reach_px``.
        """
        if len(self.observations) < MIN_OBSERVATIONS:
            return None
        observations = np.array(self.observations)
        times_s, *centers = (observations - observations.mean(axis=0)).T
        velocity_px_s = [float(times_s @ center / (times_s @ times_s)) for center in centers]
        explained = [times_s * velocity for velocity in velocity_px_s]
        moved = float(np.square(centers).sum())
        if float(np.square(explained).sum()) < STRAIGHTNESS * moved:
            return None
        dx, dy = (velocity * seconds for velocity in velocity_px_s)
        return (dx, dy) if math.hypot(dx, dy) <= reach_px else None

    def _continues(self, center_xy: tuple[float, float], time_s: float, reach_px: float) -> bool:
        if not self.observations:
            return False
        then_s, *then_xy = self.observations[-1]
        return 0 < time_s - then_s <= WINDOW_S and math.dist(center_xy, then_xy) <= reach_px
