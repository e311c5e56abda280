"""Converts Track messages to targets of the page."""

from __future__ import annotations

import numpy as np

from siammask_ros.geometry.boxes import RotatedBox
from siammask_ros.msg import Track, TrackArray
from siammask_ros.ros.dashboard.frame_matcher import VISIBLE_STATES
from siammask_ros.session import SEARCH_ENDED
from siammask_ros.web.feed import Target

_STATES = {
    getattr(Track, name): name
    for name in dir(Track)
    if name.isupper() and isinstance(getattr(Track, name), int)
}


def convert_tracks(message: TrackArray) -> tuple[Target, ...]:
    """Convert all tracks; a target that is not visible has no contours."""
    return tuple(_convert_track(track) for track in message.tracks)


def _convert_track(track: Track) -> Target:
    state = _STATES.get(track.state, f"state {track.state}")
    outline = np.array([(point.x, point.y) for point in track.outline]).reshape(-1, 2)
    # The box in this image, even if `box` is predicted for a later time.
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
        contours=(outline,) if state in VISIBLE_STATES and len(outline) > 2 else (),
        is_searched=not track.reason.endswith(SEARCH_ENDED),
    )
