"""Where a moving box will be a moment later, from where it was in the last pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from siammask_ros.geometry.boxes import RotatedBox

# Older sightings tell of another motion; fewer do not tell one from noise.
WINDOW_S = 0.5
FEWEST_SIGHTINGS = 3
MOST_SIGHTINGS = 16


@dataclass(frozen=True, slots=True)
class Motion:
    """A target's last sightings, oldest first: time (s) and the box's centre x, y (px)."""

    sightings: tuple[tuple[float, float, float], ...] = ()

    def seen(self, box: RotatedBox, time_s: float) -> Motion:
        """With one more sighting.

        It begins anew where time does not go on, after a gap of more than ``WINDOW_S``, and where
        the box has jumped by more than its longer side: that is no motion.
        """
        sighting = (time_s, box.x, box.y)
        if not self._leads_to(box, time_s):
            return Motion((sighting,))
        recent = [each for each in self.sightings if time_s - each[0] <= WINDOW_S]
        return Motion((*recent, sighting)[-MOST_SIGHTINGS:])

    def ahead(self, box: RotatedBox, seconds: float) -> RotatedBox | None:
        """The box so much later than the last sighting, at constant velocity; size and angle stay.

        None where the velocity is not known, and where the box would go further than its longer
        side: so far a straight line is not to be trusted.
        """
        if len(self.sightings) < FEWEST_SIGHTINGS:
            return None
        velocity_x, velocity_y = self._velocity_px_s()
        dx, dy = velocity_x * seconds, velocity_y * seconds
        if math.hypot(dx, dy) > max(box.width, box.height):
            return None
        return replace(box, x=box.x + dx, y=box.y + dy)

    def _leads_to(self, box: RotatedBox, time_s: float) -> bool:
        if not self.sightings:
            return False
        then_s, x, y = self.sightings[-1]
        jump_px = math.hypot(box.x - x, box.y - y)
        return 0 < time_s - then_s <= WINDOW_S and jump_px <= max(box.width, box.height)

    def _velocity_px_s(self) -> tuple[float, float]:
        """The slope of the straight line that fits the sightings best."""
        times_s, *centers = np.array(self.sightings).T
        since_s = times_s - times_s.mean()
        x, y = (float(since_s @ center / (since_s @ since_s)) for center in centers)
        return x, y
