"""Reads Track messages."""

from __future__ import annotations

import numpy as np

from siammask_ros.media.drawing import VISIBLE_STATES, DrawnTarget
from siammask_ros.msg import Track
from siammask_ros.ros.tracking_io.messages import read_box
from siammask_ros.session import SEARCH_ENDED

_STATES = {getattr(Track, name): name for name in ("TRACKING", "UNCERTAIN", "LOST", "STALE")}


def state_name(track: Track) -> str:
    """Return the name of the state, such as TRACKING."""
    return _STATES.get(track.state, f"in the unknown state {track.state}")


def convert_track(track: Track) -> DrawnTarget:
    """Return the target of a track, with the outline of its mask's largest part if visible."""
    state = state_name(track)
    outline = np.array([(point.x, point.y) for point in track.outline])
    return DrawnTarget(
        target_id=track.id,
        state=state,
        reason=track.reason,
        score=float(track.score),
        # The box in this image, even if `box` is predicted for a later time.
        corners_xy=read_box(track.observed_box).corners_xy,
        contours=(outline,) if state in VISIBLE_STATES and len(outline) else (),
        is_searched=not track.reason.endswith(SEARCH_ENDED),
    )
