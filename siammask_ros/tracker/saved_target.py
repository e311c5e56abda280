"""A target as a file, to search for it again in another run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from siammask_ros.engines.base import Engine
from siammask_ros.errors import DataError
from siammask_ros.geometry.boxes import MAX_COORDINATE_PX, RotatedBox
from siammask_ros.tracker.color_histogram import HISTOGRAM_BINS, ColorHistogram

_HASH_BYTES = hashlib.sha256().digest_size

# Each array of a file: type and shape; 0 means any length.
_LAYOUT: dict[str, tuple[type[Any], tuple[int, ...]]] = {
    "template_bgr": (np.uint8, (0, 0, 3)),
    "fill_bgr": (np.float64, (3,)),
    "box": (np.float64, (5,)),
    "weights_sha256": (np.uint8, (_HASH_BYTES,)),
    "colours": (np.float32, (HISTOGRAM_BINS,)),
    "digest": (np.uint8, (_HASH_BYTES,)),
}
# Missing where the target was never TRACKING.
_OPTIONAL = {"colours"}


@dataclass(frozen=True, slots=True, eq=False)
class SavedTarget:
    """A target's template as the image (S, S, 3) uint8 BGR from which engines compute kernels.

    ``fill_bgr`` (3,) fills crops beyond the image border, ``box`` is the target's last box,
    ``sha256`` the hash of the weights, in hex, ``color_histogram`` that of the target, or None.
    """

    template_bgr: NDArray[np.uint8]
    fill_bgr: NDArray[np.float64]
    box: RotatedBox
    sha256: str
    color_histogram: ColorHistogram | None = None

    def to_bytes(self) -> bytes:
        """The content of a file in the safetensors format: numbers only, nothing to execute."""
        box = self.box
        arrays: dict[str, NDArray[Any]] = {
            "template_bgr": np.ascontiguousarray(self.template_bgr),
            "fill_bgr": np.asarray(self.fill_bgr, np.float64),
            "box": np.array([box.x, box.y, box.width, box.height, box.theta]),
            "weights_sha256": np.frombuffer(bytes.fromhex(self.sha256), np.uint8),
        }
        if self.color_histogram is not None:
            arrays["colours"] = np.asarray(self.color_histogram, np.float32)
        return save({**arrays, "digest": _digest(arrays)})

    def check_fits(self, engine: Engine) -> None:
        """Raise DataError where it was saved with other weights than this engine's."""
        sha256, side_px = engine.info.sha256, engine.variant.template_size
        if self.sha256 != sha256:
            raise DataError(
                f"saved with the weights {self.sha256[:12]}…, but the engine has {sha256[:12]}…; "
                "select the checkpoint that it was saved with"
            )
        shape, expected = self.template_bgr.shape, (side_px, side_px, 3)
        if shape != expected:
            raise DataError(f"template has shape {shape}; expected {expected}")

    @classmethod
    def from_bytes(cls, content: bytes) -> SavedTarget:
        """Read a file's content; raises DataError for anything that ``to_bytes`` did not write."""
        try:
            arrays = load(content)
        except (SafetensorError, KeyError, ValueError) as error:
            raise DataError(f"not a saved target, or damaged: {error}") from error
        found = {name: (array.dtype.type, array.shape) for name, array in arrays.items()}
        if found.keys() | _OPTIONAL != _LAYOUT.keys() or not all(
            kind is _LAYOUT[name][0] and _has_shape(shape, _LAYOUT[name][1])
            for name, (kind, shape) in found.items()
        ):
            raise DataError(
                f"not a saved target: it contains {', '.join(sorted(found)) or 'nothing'}; "
                f"expected {', '.join(sorted(_LAYOUT))} as ~/save_target writes them"
            )
        if not np.array_equal(arrays.pop("digest"), _digest(arrays)):
            raise DataError("damaged: the hash of its content does not match")
        box = RotatedBox(*(float(value) for value in arrays["box"]))
        histogram = arrays.get("colours")
        if not _is_sensible(box, arrays["fill_bgr"], histogram):
            raise DataError(f"box or colours are out of range: {box}")
        sha256 = arrays["weights_sha256"].tobytes().hex()
        return cls(arrays["template_bgr"], arrays["fill_bgr"], box, sha256, histogram)


def _has_shape(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return len(shape) == len(expected) and all(
        side in (0, length) for side, length in zip(expected, shape, strict=True)
    )


def _is_sensible(
    box: RotatedBox, fill_bgr: NDArray[np.float64], histogram: ColorHistogram | None
) -> bool:
    shares = np.ones(1) if histogram is None else histogram
    numbers = np.array([box.x, box.y, box.width, box.height, box.theta])
    return bool(
        (np.abs(numbers) <= MAX_COORDINATE_PX).all()
        and min(box.width, box.height) > 0
        and ((fill_bgr >= 0) & (fill_bgr <= 255)).all()
        and (shares >= 0).all()
        and abs(shares.sum() - 1) < 1e-3
    )


def _digest(arrays: dict[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """The hash (32,) of the arrays' names, shapes and bytes, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(f"{name} {arrays[name].shape}\n".encode())
        total.update(np.ascontiguousarray(arrays[name]).tobytes())
    return np.frombuffer(total.digest(), np.uint8)
