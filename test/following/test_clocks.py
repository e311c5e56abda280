"""Stamps that cannot be of the node's clock are told from late ones."""

from __future__ import annotations

import pytest

from siammask_ros.following.clocks import clock_misfit, format_duration


@pytest.mark.parametrize("age_s", [0.0, 0.03, 5.0, 59.0, -0.5, -1.0])
def test_a_late_stamp_is_of_the_same_clock(age_s: float) -> None:
    assert clock_misfit(age_s) == ""


@pytest.mark.parametrize(
    ("age_s", "difference"),
    [
        (56.6 * 365.25 * 86400, "56.6 years"),
        (-1.7e9, "53.9 years"),
        (-1.5, "1.5 s"),
        (90.0, "1.5 minutes"),
        (7200.0, "2.0 hours"),
        (3 * 86400.0, "3.0 days"),
    ],
)
def test_a_stamp_of_another_clock_is_told_with_the_difference(
    age_s: float, difference: str
) -> None:
    expected = f"image stamps and the node's clock differ by {difference}; check use_sim_time"
    assert clock_misfit(age_s) == expected


def test_a_duration_has_the_largest_unit_of_which_it_holds_one() -> None:
    assert [format_duration(each) for each in (0.0, 59.94, 60.0, 3600.0)] == [
        "0.0 s",
        "59.9 s",
        "1.0 minutes",
        "1.0 hours",
    ]
