"""The network as the authors' code computes it, frame by frame: what others are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from siammask_ros.engines.base import Crop, Crops, Response, SelectionParams, Template
from siammask_ros.engines.eager import EagerEngine
from siammask_ros.engines.on_device import use_device
from siammask_ros.model.siammask import Kernels


class ReferenceEngine(EagerEngine):
    """An eager engine that saves nothing: the same answers, later.

    The authors keep a template's features and compute its correlation kernels again in every
    frame; they also compute the coarse masks of all cells, even where one is then refined.
    """

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``; here a template is its features and pyramid."""
        self.check_in_use()
        with use_device(self._device):
            features, pyramid = self.network.features(self.input(crops))
            levels = [level.split(1) for level in pyramid]
            return list(zip(features.split(1), *levels, strict=True))

    def search(
        self,
        templates: Sequence[Template],
        crops: Sequence[Crop],
        params: SelectionParams | None = None,
    ) -> Response:
        """See ``Engine.search``."""
        self.check_in_use()
        with use_device(self._device):
            features, *pyramid = (torch.cat(parts) for parts in zip(*templates, strict=True))
            kernels = self.network.kernels(features, (pyramid[0], pyramid[1], pyramid[2]))
            parts = [Kernels(*(part[i : i + 1] for part in kernels)) for i in range(len(crops))]
            response = super().search(parts, crops)
            if self.variant.has_coarse_mask:
                for maps in response.maps.maps:
                    self.network.heads()[2].head(maps.mask_correlation)
            return response
