"""Tracks as the page shows them."""

from __future__ import annotations

import numpy as np

from siammask_ros.msg import Track, TrackArray
from siammask_ros.ros.pairing import SHOWN
from siammask_ros.web.feed import Target

_STATES = {
    getattr(Track, name): name
    for name in dir(Track)
    if name.isupper() and isinstance(getattr(Track, name), int)
}


def shown_targets(message: TrackArray) -> tuple[Target, ...]:
    """Every target of the message; one that its picture does not show comes without an outline."""
    return tuple(_shown(track) for track in message.tracks)


def _shown(track: Track) -> Target:
    state = _STATES.get(track.state, f"state {track.state}")
    outline = np.array([(point.x, point.y) for point in track.outline]).reshape(-1, 2)
    return Target(
        target_id=track.id,
        state=state,
        reason=track.reason,
        score=float(track.score),
        corners_xy=np.array([(corner.x, corner.y) for corner in track.corners]),
        contours=(outline,) if state in SHOWN and len(outline) > 2 else (),
    )
