"""An engine that runs each target's template, search and mask as requests of their own.

What is common to OpenVINO and onnxruntime: on a CPU a batch takes no less time an item than its
items one by one, and more where it leaves the caches. Free of torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

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
from siammask_ros.errors import EngineError
from siammask_ros.model.variants import Variant
from siammask_ros.model.windows import cell_windows

PartName = Literal["template", "search", "mask"]

# A part's inputs or outputs for one target.
Arrays = list[NDArray[Any]]


class Requests(Protocol):
    """Runs a part of the network; ``input_shapes`` are those of one item."""

    input_shapes: list[tuple[int, ...]]

    def __call__(self, items: Sequence[Arrays]) -> list[Arrays]:
        """The part's outputs for every item; raises EngineError."""
        ...


class RequestEngine(NetworkEngine):
    """Runs the three parts; a search's crop may be of two sizes.

    ``masks`` is None for a network without.
    """

    def __init__(
        self,
        variant: Variant,
        info: EngineInfo,
        templates: Requests,
        searches: Requests,
        masks: Requests | None,
    ) -> None:
        super().__init__(variant, info)
        self._templates = templates
        self._searches = searches
        self._masks = masks

    def template(self, crops: Crops) -> list[Template]:
        """See ``Engine.template``."""
        self.check_in_use()
        _check_sides([*crops], {self.variant.template_size})
        # One by one, with all threads: several beside each other would be compiled for themselves.
        return [self._templates([[crop[None]]])[0] for crop in crops]

    def search(
        self,
        templates: Sequence[Template],
        crops: Sequence[Crop],
        params: SelectionParams | None = None,
    ) -> Response:
        """See ``Engine.search``."""
        self.check_in_use()
        _check_sides(crops, {self.variant.search_size, self.variant.small_search_size})
        items = [[crop[None], *template] for crop, template in zip(crops, templates, strict=True)]
        answers = self._searches(items)
        score, box = ([answer[k][0] for answer in answers] for k in (0, 1))
        return Response(score, box, [answer[2:] for answer in answers])

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        """See ``Engine.refine``."""
        self.check_in_use()
        if self._masks is None:
            raise EngineError(f"model {self.variant.name} gives no masks")
        _, *windows = self._masks.input_shapes
        sizes = [shape[-1] for shape in windows]
        items = [
            _mask_inputs(maps, sizes, int(row), int(column))
            for maps, row, column in zip(response.maps, rows, columns, strict=True)
        ]
        values, *quality = map(np.concatenate, zip(*self._masks(items), strict=True))
        return Masks(values, quality[0] if quality else None)

    def free_memory(self) -> None:
        """See ``Engine.free_memory``; here nothing is kept."""


def _mask_inputs(maps: Arrays, sizes: Sequence[int], row: int, column: int) -> Arrays:
    """What one cell's mask is made of, from one item's correlation and pyramid.

    ``sizes`` are those of the windows; there are none in a network without refinement.
    """
    correlation, *pyramid = maps
    vector = np.ascontiguousarray(correlation[:, :, row, column])
    return [vector, *(cell_windows(pyramid, sizes, row, column) if sizes else ())]


def _check_sides(crops: Sequence[Crop], expected: set[int]) -> None:
    if wrong := {len(crop) for crop in crops} - expected:
        raise EngineError(
            f"the network failed on this frame: crops of {sorted(wrong)} px; expected "
            f"{sorted(expected)}"
        )
