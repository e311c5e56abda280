"""What a tracker is told about each network."""

from __future__ import annotations

import pytest

from siammask_ros.errors import ConfigError
from siammask_ros.model.variants import VARIANTS, get_variant


@pytest.mark.parametrize("name", ["", "Lite", "resnet", "resnet101"], ids=repr)
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected one of: lite, resnet50, .*") as error:
        get_variant(name)
    assert repr(name) in str(error.value)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_name_gives_its_variant(name: str) -> None:
    variant = get_variant(name)
    assert variant.name == name
    assert variant.score_size == 25
    assert variant.anchors == 5


@pytest.mark.parametrize(
    ("name", "has_mask", "mask_size", "exact_paste"),
    [
        ("resnet50", True, 127, False),
        ("resnet50_base", True, 63, False),
        ("resnet50_box", False, 0, False),
        ("lite", True, 128, True),
    ],
)
def test_branches(name: str, has_mask: bool, mask_size: int, exact_paste: bool) -> None:
    variant = get_variant(name)
    assert variant.has_mask == has_mask
    assert variant.mask_size == mask_size
    assert variant.exact_paste == exact_paste
