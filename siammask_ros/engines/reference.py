"""The network as the authors' code computes it, frame by frame: what others are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from siammask_ros.engines.base import Aims, Crops, Response, Template
from siammask_ros.engines.eager import EagerEngine, torch_errors_told
from siammask_ros.engines.registry import EngineConfig, open_engine
from siammask_ros.model.siammask import Kernels


class ReferenceEngine(EagerEngine):
    """An eager engine that saves nothing: the same answers, later.

    The authors keep a template's features and compute its correlation kernels anew in every
    frame; they also compute the coarse masks of all cells, even where one is then refined.
    """

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``; here a template is its features (1, C, h, w)."""
        with torch.inference_mode(), torch_errors_told():
            features, _ = self.network.features(self.input(crops))
            return list(features.split(1))

    def search(
        self, templates: Sequence[Template], crops: Crops, aims: Aims | None = None
    ) -> Response:
        """See ``Engine.search``."""
        with torch.inference_mode(), torch_errors_told():
            features = torch.cat(list(templates))
            kernels = [head.kernel(features) for head in self.network.heads()]
            if not self.variant.has_mask:
                kernels.append(features.new_empty(0))
            parts = [Kernels(*(part[i : i + 1] for part in kernels)) for i in range(len(crops))]
            response = super().search(parts, crops)
            if self.variant.has_coarse_mask:
                self.network.heads()[2].head(response.maps.mask_correlation)
            return response


def open_reference(config: EngineConfig) -> ReferenceEngine:
    """The reference engine of these weights on this device; raises as ``open_engine`` does."""
    engine = open_engine(replace(config, engine="eager", precision="fp32"))
    assert isinstance(engine, EagerEngine)
    return ReferenceEngine(engine.network, torch.device(engine.info.device), engine.info)
