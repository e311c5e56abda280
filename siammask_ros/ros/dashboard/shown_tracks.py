"""Tracks as the page shows them."""

from __future__ import annotations

import numpy as np

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.msg import Track, TrackArray
from siammask_ros.ros.dashboard.pairing import SHOWN
from siammask_ros.session import SEARCH_ENDED
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
    # The box as this picture shows it, also where another one is predicted for later.
    box = track.observed_box
    center = box.center.position
    return Target(
        target_id=track.id,
        state=state,
        reason=track.reason,
        score=float(track.score),
        corners_xy=RotatedBox(
            center.x, center.y, box.size_x, box.size_y, box.center.theta
        ).corners_xy,
        contours=(outline,) if state in SHOWN and len(outline) > 2 else (),
        is_searched=not track.reason.endswith(SEARCH_ENDED),
    )
