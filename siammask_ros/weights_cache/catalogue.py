"""The named weights: their address, their network and their tracker preset."""

from __future__ import annotations

from dataclasses import dataclass

from siammask_ros.errors import ConfigError

_AUTHORS_PAGE = "http://www.robots.ox.ac.uk/~qwang/"


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights: its name for people, its network, and the tracker preset for it."""

    name: str
    model: str
    preset: str
    file: str

    @property
    def address(self) -> str:
        """Where its makers publish it."""
        return _AUTHORS_PAGE + self.file


WEIGHTS = {
    weights.name: weights
    for weights in (
        Weights("davis", "resnet50", "davis", "SiamMask_DAVIS.pth"),
        Weights("vot", "resnet50", "vot", "SiamMask_VOT.pth"),
        Weights("vot_ld", "resnet50", "vot_ld", "SiamMask_VOT_LD.pth"),
    )
}


def find_weights(name: str) -> Weights:
    """Return the weights with this name; raises ConfigError with the known names."""
    try:
        return WEIGHTS[name]
    except KeyError:
        known = ", ".join(WEIGHTS)
        raise ConfigError(f"weights {name!r} are unknown; expected one of: {known}") from None
