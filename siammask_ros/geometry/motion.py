"""How far a target goes on in a moment, from where it was in the last pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Older sightings tell of another motion; fewer do not tell motion from noise.
WINDOW_S = 0.5
FEWEST_SIGHTINGS = 5
MOST_SIGHTINGS = 32

# The share of the movement that a straight line has to explain. A target that shakes, turns or
# stands is better left where it was seen (docs/decisions/0022).
STRAIGHTNESS = 0.97


@dataclass(frozen=True, slots=True)
class Motion:
    """A target's last sightings, oldest first: time (s) and centre x, y (px)."""

    sightings: tuple[tuple[float, float, float], ...] = ()

    def seen(self, center_xy: tuple[float, float], time_s: float, reach_px: float) -> Motion:
        """With one more sighting.

        It begins anew where time does not go on, after a gap of more than ``WINDOW_S``, and where
        the centre has jumped by more than ``reach_px``: that is no motion.
        """
        sighting = (time_s, *center_xy)
        if not self._leads_to(center_xy, time_s, reach_px):
            return Motion((sighting,))
        recent = [each for each in self.sightings if time_s - each[0] <= WINDOW_S]
        return Motion((*recent, sighting)[-MOST_SIGHTINGS:])

    def shift_after(self, seconds: float, reach_px: float) -> tuple[float, float] | None:
        """How far (px) it goes on after the last sighting, at the velocity that fits them best.

        None where there are too few, where they do not lie on a straight line, steadily one after
        the other, and beyond ``reach_px``.
        """
        if len(self.sightings) < FEWEST_SIGHTINGS:
            return None
        sightings = np.array(self.sightings)
        times_s, *centers = (sightings - sightings.mean(axis=0)).T
        velocity_px_s = [float(times_s @ center / (times_s @ times_s)) for center in centers]
        explained = [times_s * velocity for velocity in velocity_px_s]
        moved = float(np.square(centers).sum())
        if float(np.square(explained).sum()) < STRAIGHTNESS * moved:
            return None
        dx, dy = (velocity * seconds for velocity in velocity_px_s)
        return (dx, dy) if math.hypot(dx, dy) <= reach_px else None

    def _leads_to(self, center_xy: tuple[float, float], time_s: float, reach_px: float) -> bool:
        if not self.sightings:
            return False
        then_s, *then_xy = self.sightings[-1]
        return 0 < time_s - then_s <= WINDOW_S and math.dist(center_xy, then_xy) <= reach_px
