"""The tracker's settings: their ranges, and the sets that belong to the published weights."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from siammask_ros.errors import ConfigError
from siammask_ros.tracker.config import PRESETS, TrackerConfig, find_preset

# Name: penalty_k, window_influence, size_rate, mask_threshold.
PUBLISHED = {
    "default": (0.09, 0.39, 0.38, 0.30),
    "davis": (0.04, 0.40, 1.0, 0.35),
    "vot": (0.04, 0.42, 0.25, 0.30),
    "vot_ld": (0.10, 0.41, 0.32, 0.15),
}


@pytest.mark.parametrize(("name", "values"), PUBLISHED.items(), ids=PUBLISHED)
def test_the_published_settings(name: str, values: tuple[float, ...]) -> None:
    config = find_preset(name)
    ours = (config.penalty_k, config.window_influence, config.size_rate, config.mask_threshold)
    assert ours == values
    # Their scores are not calibrated: no target is given up by its score.
    assert (config.tracking_score, config.lost_score) == (0.0, 0.0)
    # So what keeps a lost one from being taken back is not theirs either.
    assert (config.min_color_similarity, config.confirm_frames) == (0.0, 1)
    # They searched every target in a whole crop.
    assert config.multi_target_threshold == 0


def test_resnet50_follows_as_the_authors_do_until_targets_are_many() -> None:
    assert find_preset("resnet50") == dataclasses.replace(
        find_preset("davis"), multi_target_threshold=4
    )


@pytest.mark.parametrize("name", ["", "Davis", "resnet"], ids=repr)
def test_an_unknown_set_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        find_preset(name)
    assert repr(name) in str(error.value)
    assert ", ".join(sorted(PRESETS)) in str(error.value)


BAD: dict[str, list[Any]] = {
    "penalty_k": [-0.01, 5.01, math.nan, "0.1", None, True],
    "window_influence": [-0.01, 1.01, math.inf],
    "size_rate": [-0.01, 1.01, math.nan],
    "mask_threshold": [-0.01, 1.01, -math.inf],
    "min_mask_area_px": [-1.0, 1e10, math.inf],
    "tracking_score": [-0.1, 1.1, math.nan],
    "lost_score": [-0.1, 1.1, math.nan],
    "lost_after_frames": [0, 1001, 2.0, "3", True],
    "min_color_similarity": [-0.1, 1.1, math.nan],
    "max_size_ratio": [0.9, 101.0, math.inf],
    "confirm_frames": [0, 101, 2.0],
    "multi_target_threshold": [-1, 65, 2.0, "4", True],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values], ids=str
)
def test_a_value_out_of_its_range_is_refused_by_name_value_and_range(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as error:
        TrackerConfig(**{name: value})
    assert str(error.value).startswith(f"{name} is {value!r}; expected ")


def test_every_setting_has_a_bad_value_in_the_table_and_a_description() -> None:
    settings = dataclasses.fields(TrackerConfig)
    assert [item.name for item in settings] == list(BAD)
    assert all(item.metadata["description"] for item in settings)


@pytest.mark.parametrize(
    "values",
    [
        {"window_influence": 0.0, "size_rate": 1.0, "mask_threshold": 1.0},
        {"tracking_score": 0.4, "lost_score": 0.4},
        {"penalty_k": 1},
        {"lost_after_frames": 1},
    ],
    ids=str,
)
def test_the_ends_of_a_range_are_legal(values: dict[str, Any]) -> None:
    config = TrackerConfig(**values)
    assert all(getattr(config, name) == value for name, value in values.items())


def test_lost_score_may_not_be_above_tracking_score() -> None:
    with pytest.raises(ConfigError, match=r"lost_score is 0.5 and tracking_score 0.4"):
        TrackerConfig(tracking_score=0.4, lost_score=0.5)


def test_settings_cannot_be_changed_or_misspelt() -> None:
    config = TrackerConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.penalty_k = 0.1  # type: ignore[misc]
    with pytest.raises(TypeError):
        TrackerConfig(penalty=0.1)  # type: ignore[call-arg]
