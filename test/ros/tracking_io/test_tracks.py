"""Tracks as the page shows them."""

from __future__ import annotations

import pytest
from siammask_ros.msg import Track

from siammask_ros.ros.tracking_io.tracks import convert_track


@pytest.mark.parametrize(
    ("reason", "is_searched"),
    [
        ("", True),
        ("score 0.20 below 0.60", True),
        ("not found within 30 s; the search has ended", False),
        ("resolution changed to 400×300; the search has ended", False),
    ],
)
def test_the_page_is_told_whether_the_tracker_looks_for_a_target(
    reason: str, is_searched: bool
) -> None:
    track = Track(id="1", state=Track.LOST, reason=reason)
    track.observed_box.size_x = track.observed_box.size_y = 10.0
    target = convert_track(track)
    assert (target.state, target.reason) == ("LOST", reason)
    assert target.is_searched == is_searched
