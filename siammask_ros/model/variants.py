"""The networks of this package by name, and what a tracker has to know about each.

Free of torch, so that a tracker can be tested without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from siammask_ros.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Variant:
    """One network: its sizes in pixels and cells, and which branches it has.

    ``template_size`` and ``search_size`` are the paper's z and x crops. The score map has
    ``score_size``² cells, ``stride`` pixels apart; a cell's mask is ``mask_size``² values over a
    square of ``mask_cover`` search-crop pixels that starts ``base_size`` / 2 cells before it.
    ``exact_paste`` puts masks where the crop was really cut; without it they are up to a pixel
    off, as in the authors' code, whose published thresholds were tuned so. With ``has_matching``
    the refinement also gets what each pixel resembles in the template, and tells a quality.

    The network is convolutional, so that a smaller crop of the same scale gives the middle of the
    larger one's score map, but for what lies near its border. ``small_search_size`` is that of a
    target among many. The cosine window spans ``window_cells``; a smaller map gets its middle.
    """

    name: str
    backbone: Literal["resnet50", "efficientnet_lite0"]
    head_channels: int
    mask_size: int
    mask_cover: int
    has_refinement: bool
    has_coarse_mask: bool
    exact_paste: bool = False
    has_matching: bool = False
    template_size: int = 127
    search_size: int = 255
    small_search_size: int = 159
    window_cells: int = 25
    stride: int = 8
    base_size: int = 8
    anchor_ratios: tuple[float, ...] = (0.33, 0.5, 1.0, 2.0, 3.0)
    anchor_scale: float = 8.0

    @property
    def score_size(self) -> int:
        """Cells along a side of the score map."""
        return (self.search_size - self.template_size) // self.stride + 1 + self.base_size

    def with_search_size(self, search_size: int) -> Variant:
        """The same network on crops of another size."""
        return replace(self, search_size=search_size)

    @property
    def anchors(self) -> int:
        """Anchors at each cell."""
        return len(self.anchor_ratios)

    @property
    def has_mask(self) -> bool:
        """Whether the network gives masks at all."""
        return self.has_refinement or self.has_coarse_mask


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("resnet50", "resnet50", 256, 127, 127, True, True),
        Variant("resnet50_base", "resnet50", 256, 63, 127, False, True),
        Variant("resnet50_box", "resnet50", 256, 0, 0, False, False),
        Variant(
            "lite",
            "efficientnet_lite0",
            128,
            128,
            128,
            True,
            False,
            exact_paste=True,
            has_matching=True,
        ),
    )
}


def get_variant(name: str) -> Variant:
    """The variant of this name; raises ConfigError with the known names."""
    try:
        return VARIANTS[name]
    except KeyError:
        known = ", ".join(sorted(VARIANTS))
        raise ConfigError(f"model {name!r} is unknown; expected one of: {known}") from None
