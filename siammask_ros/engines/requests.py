"""An engine that runs each target's search and mask as requests of their own.

What is common to OpenVINO and onnxruntime: on a CPU a batch takes no less time an item than its
items one by one, and templates come once a target, so that PyTorch is good enough for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from siammask_ros.engines.base import (
    Aims,
    Crop,
    Crops,
    EngineInfo,
    Masks,
    NetworkEngine,
    Response,
    Template,
)
from siammask_ros.engines.eager import torch_errors_told
from siammask_ros.engines.parts import MaskPart, used
from siammask_ros.errors import EngineError
from siammask_ros.model.siammask import SiamMask

# A part's inputs or outputs for one target.
Arrays = list[NDArray[Any]]

# A part's outputs for every item; raises EngineError.
Requests = Callable[[Sequence[Arrays]], list[Arrays]]


class RequestEngine(NetworkEngine):
    """Searches by ``search``, whose crops may be of two sizes, and masks by ``masks``.

    ``masks`` is None for a network without. Templates are made in PyTorch.
    """

    def __init__(
        self, network: SiamMask, info: EngineInfo, search: Requests, masks: Requests | None
    ) -> None:
        super().__init__(network.variant, info)
        self._network = network
        self._search = search
        self._masks = masks
        self._mask_part = MaskPart(network)

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``."""
        self.check_in_use()
        with torch.inference_mode(), torch_errors_told():
            kernels = self._network.template(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
        parts = [part.numpy() for part in used(kernels)]
        return [[part[i : i + 1] for part in parts] for i in range(len(crops))]

    def search(
        self, templates: Sequence[Template], crops: Sequence[Crop], aims: Aims | None = None
    ) -> Response:
        """See ``Engine.search``."""
        self.check_in_use()
        known = {self.variant.search_size, self.variant.crowd_search_size}
        if wrong := {len(crop) for crop in crops} - known:
            raise EngineError(
                f"the network failed on this frame: crops of {sorted(wrong)} px; expected "
                f"{sorted(known)}"
            )
        items = [[crop[None], *template] for crop, template in zip(crops, templates, strict=True)]
        answers = self._search(items)
        score, box = ([answer[k][0] for answer in answers] for k in (0, 1))
        return Response(score, box, [answer[2:] for answer in answers])

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        """See ``Engine.refine``."""
        self.check_in_use()
        if self._masks is None:
            raise EngineError(f"model {self.variant.name} gives no masks")
        items = [
            self._mask_part.inputs(maps, int(row), int(column))
            for maps, row, column in zip(response.maps, rows, columns, strict=True)
        ]
        values, *quality = map(np.concatenate, zip(*self._masks(items), strict=True))
        return Masks(values, quality[0] if quality else None)

    def free_memory(self) -> None:
        """See ``Engine.free_memory``; here nothing is kept."""
