"""What a tracker asks of an inference engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from siammask_ros.errors import EngineError
from siammask_ros.model.variants import Variant

Crops = NDArray[np.uint8]
Crop = NDArray[np.uint8]
Floats = NDArray[np.float32]

# What an engine keeps of a target's template; only that engine looks in.
Template = Any


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Which engine runs which weights where, and why this one: for logs and diagnostics."""

    engine: str
    device: str
    precision: str
    checkpoint: str
    sha256: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SelectionParams:
    """What a tracker chooses a cell by, for an engine that computes the mask before it has.

    ``sizes_in_crop`` (N, 2) the targets' and ``anchor_sizes`` (k, 2) the anchors' width and
    height in search-crop pixels; the others as in a tracker's settings, the window's influence
    (N,) for each target.
    """

    sizes_in_crop: NDArray[np.float64]
    anchor_sizes: NDArray[np.float64]
    penalty_k: float
    window_influence: NDArray[np.float64] | float

    def at(self, numbers: Sequence[int]) -> SelectionParams:
        """Those of some of the targets."""
        items = [*numbers]
        influence = np.broadcast_to(self.window_influence, len(self.sizes_in_crop))[items]
        return replace(self, sizes_in_crop=self.sizes_in_crop[items], window_influence=influence)


@dataclass(frozen=True, slots=True)
class Response:
    """What N search crops give, an entry each.

    ``score`` (k, S, S) target probability, ``box`` (4, k, S, S) raw box head, where S is the
    score size of the entry's crop. ``maps`` is the engine's own, handed back to ``refine``.
    """

    score: Sequence[Floats]
    box: Sequence[Floats]
    maps: Any


@dataclass(frozen=True, slots=True)
class Masks:
    """Masks of N items, one each.

    ``values`` (N, M, M) probabilities, as in ``variant``; ``quality`` (N,) the IoU that each is
    thought to have, 0 to 1, or None for a network that does not tell it.
    """

    values: Floats
    quality: Floats | None


class Engine(Protocol):
    """Runs one network. Calls are independent of each other: nothing is remembered.

    Every method raises EngineError where the inference itself fails, EngineMemoryError where it
    needs more memory than there is, and EngineLostError where no later call can succeed. An
    engine is for one thread at a time.
    """

    variant: Variant
    info: EngineInfo

    def template(self, crops: Crops) -> list[Template]:
        """Kernels of N template crops (N, 127, 127, 3) BGR, one entry a target."""
        ...

    def search(
        self,
        templates: Sequence[Template],
        crops: Sequence[Crop],
        params: SelectionParams | None = None,
    ) -> Response:
        """Maps of N search crops (S, S, 3) BGR, each for its own target.

        S is ``search_size`` or ``small_search_size`` of the variant, and may differ from crop to
        crop. What a size or a number of crops needs is prepared at its first use.
        ``params`` change nothing of the answers, only how soon ``refine`` has its own.
        """
        ...

    def refine(self, response: Response, rows: NDArray[Any], columns: NDArray[Any]) -> Masks:
        """The masks of one cell an item: rows (N,) and columns (N,)."""
        ...

    def free_memory(self) -> None:
        """Gives back what is kept only to be quicker; for after an EngineMemoryError."""
        ...

    def abandon(self) -> None:
        """For an engine that does not return from a call: every later one raises EngineError.

        The waiting caller continues with another engine, and the thread that hangs in this one
        cannot do more with it once it returns. May be called from any thread.
        """
        ...


class NetworkEngine:
    """What the engines of this package share: their name, and whether they are still in use."""

    def __init__(self, variant: Variant, info: EngineInfo) -> None:
        self.variant = variant
        self.info = info
        self._is_abandoned = False

    def abandon(self) -> None:
        """See ``Engine.abandon``."""
        self._is_abandoned = True

    def check_in_use(self) -> None:
        """Raises EngineError where the engine was abandoned."""
        if self._is_abandoned:
            raise EngineError(
                f"this {self.info.engine} engine was abandoned because a call did not return; "
                "open another"
            )
