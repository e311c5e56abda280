"""The network in plain PyTorch: on every device, without any other library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siammask_ros.engines.base import (
    Crop,
    Crops,
    EngineInfo,
    Masks,
    NetworkEngine,
    Response,
    SelectionParams,
    Template,
)
from siammask_ros.engines.batches import Batches
from siammask_ros.engines.on_device import free_device_memory, use_device
from siammask_ros.model.siammask import Kernels, SearchMaps, SiamMask, score_probability

_MOST = 64


@dataclass(frozen=True, slots=True)
class _Searched:
    """A frame's batches of crops, and the network's maps of each."""

    batches: Batches
    maps: list[SearchMaps]


class EagerEngine(NetworkEngine):
    """Runs a SiamMask network as it is, float32.

    On a CPU a batch has no more crops than there are threads: each then has one to itself, and
    all of them together leave the caches no sooner than they have to.
    """

    def __init__(self, network: SiamMask, device: torch.device, info: EngineInfo) -> None:
        super().__init__(network.variant, info)
        self._device = device
        self.network = network.to(device).eval()
        self._together = torch.get_num_threads() if device.type == "cpu" else _MOST

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``."""
        self.check_in_use()
        with use_device(self._device):
            kernels = self.network.template(self.input(crops))
            return [Kernels(*(part[i : i + 1] for part in kernels)) for i in range(len(crops))]

    def search(
        self,
        templates: Sequence[Template],
        crops: Sequence[Crop],
        params: SelectionParams | None = None,
    ) -> Response:
        """See ``Engine.search``."""
        self.check_in_use()
        batches = Batches.of(crops, self._together)
        with use_device(self._device):
            maps = [
                self._search_batch([templates[n] for n in numbers], [crops[n] for n in numbers])
                for numbers in batches.numbers
            ]
            anchors = self.variant.anchors
            score = [score_probability(each.score, anchors).cpu().numpy() for each in maps]
            shapes = [(-1, 4, anchors, *each.box.shape[2:]) for each in maps]
            box = [
                each.box.reshape(shape).cpu().numpy()
                for each, shape in zip(maps, shapes, strict=True)
            ]
        return Response(batches.sort(score), batches.sort(box), _Searched(batches, maps))

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        """See ``Engine.refine``."""
        self.check_in_use()
        searched: _Searched = response.maps
        values, quality = [], []
        with use_device(self._device):
            for numbers, maps in zip(searched.batches.numbers, searched.maps, strict=True):
                items = torch.arange(len(numbers), device=self._device)
                cells = (self._index(each[[*numbers]]) for each in (rows, columns))
                masks = self.network.masks(maps, items, *cells)
                values.append(torch.sigmoid(masks.logits).cpu().numpy())
                quality.append(torch.sigmoid(masks.quality).cpu().numpy())
        stack = searched.batches.stack
        return Masks(stack(values), stack(quality) if self.variant.has_matching else None)

    def free_memory(self) -> None:
        """See ``Engine.free_memory``."""
        free_device_memory(self._device)

    def _search_batch(self, templates: Sequence[Template], crops: Sequence[Crop]) -> SearchMaps:
        kernels = Kernels(*(torch.cat(parts) for parts in zip(*templates, strict=True)))
        return self.network.search(self.input(np.stack(crops)), kernels)

    def input(self, crops: Crops) -> Tensor:
        """Crops as the network takes them: (N, 3, H, W) float, on the device."""
        return torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2).float().contiguous()

    def _index(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.asarray(values, dtype=np.int64)).to(self._device)
