"""The network in plain PyTorch: every device, the reference for all other engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siammask_ros.engines.base import Aims, Crops, EngineInfo, Masks, Response, Template
from siammask_ros.errors import EngineError
from siammask_ros.model.siammask import Kernels, SearchMaps, SiamMask, score_probability


class EagerEngine:
    """Runs a SiamMask network as it is, float32."""

    def __init__(self, network: SiamMask, device: torch.device, info: EngineInfo) -> None:
        self.variant = network.variant
        self.info = info
        self._device = device
        self.network = network.to(device).eval()

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``."""
        with torch.inference_mode(), torch_errors_told():
            kernels = self.network.template(self.input(crops))
            return [Kernels(*(part[i : i + 1] for part in kernels)) for i in range(len(crops))]

    def search(
        self, templates: Sequence[Template], crops: Crops, aims: Aims | None = None
    ) -> Response:
        """See ``Engine.search``."""
        with torch.inference_mode(), torch_errors_told():
            kernels = Kernels(*(torch.cat(parts) for parts in zip(*templates, strict=True)))
            maps = self.network.search(self.input(crops), kernels)
            score = score_probability(maps.score, self.variant.anchors)
            items, _, *cells = maps.box.shape
            box = maps.box.reshape(items, 4, self.variant.anchors, *cells)
            return Response(score.cpu().numpy(), box.cpu().numpy(), maps)

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        """See ``Engine.refine``."""
        maps: SearchMaps = response.maps
        with torch.inference_mode(), torch_errors_told():
            items = torch.arange(len(rows), device=self._device)
            masks = self.network.masks(maps, items, self._index(rows), self._index(columns))
            values, quality = (torch.sigmoid(logits).cpu().numpy() for logits in masks)
            return Masks(values, quality if self.variant.has_matching else None)

    def input(self, crops: Crops) -> Tensor:
        """Crops as the network takes them: (N, 3, H, W) float, on the device."""
        return torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2).float().contiguous()

    def _index(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.asarray(values, dtype=np.int64)).to(self._device)


@contextmanager
def torch_errors_told() -> Iterator[None]:
    """Turns what torch raises on a frame into an EngineError that says so."""
    try:
        yield
    except RuntimeError as error:
        raise EngineError(f"PyTorch failed on this frame: {error}") from error
