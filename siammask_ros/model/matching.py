"""Where a search crop looks like which part of the template: pixel by pixel, not window by window.

The paper's correlation asks how well a whole template fits at a place. A mask needs more: the
template's square shows the target in its middle and background around it, so what a search pixel
resembles there says on which side of the outline it lies.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_KEY_CHANNELS = 64
_VALUE_CHANNELS = 32
# Softmax over cosines, which lie within ±1, needs a scale; it is trained from here.
_FIRST_SHARPNESS = 10.0


class TemplateMatching(nn.Module):
    """Attention from search pixels to template pixels, both of the backbone's coarsest level."""

    out_channels = _VALUE_CHANNELS + 1

    def __init__(self, channels: int, template_side: int) -> None:
        super().__init__()
        self.key = nn.Conv2d(channels, _KEY_CHANNELS, 1)
        self.value = nn.Conv2d(channels, _VALUE_CHANNELS, 1)
        # What a place in the template means by itself: the middle is the target, the rim is not.
        self.place = nn.Parameter(torch.zeros(1, _VALUE_CHANNELS, template_side, template_side))
        self.sharpness = nn.Parameter(torch.tensor(_FIRST_SHARPNESS))

    def remember(self, template: Tensor) -> tuple[Tensor, Tensor]:
        """Keys (N, 64, t, t) of length 1 and values (N, 32, t, t) of templates (N, C, t, t)."""
        return _normalize(self.key(template)), self.value(template) + self.place

    def forward(self, search: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """The template values that each pixel of (N, C, s, s) resembles: (N, 32, s, s).

        And (N, 1, s, s), the cosine with the template pixel that it resembles most.
        """
        side = search.shape[-1]
        asked = _normalize(self.key(search)).flatten(2)
        cosines = keys.flatten(2).transpose(1, 2) @ asked
        weights = torch.softmax(cosines * self.sharpness, dim=1)
        recalled = values.flatten(2) @ weights
        best = cosines.amax(dim=1, keepdim=True)
        shape = (len(search), -1, side, side)
        return recalled.reshape(shape), best.reshape(shape)


def _normalize(keys: Tensor) -> Tensor:
    """Keys of length 1, or 0 for a key of zeros.

    Never computed in half precision, where the small number that keeps 0 from 0/0 would be 0.
    """
    precise = torch.promote_types(keys.dtype, torch.float32)
    return functional.normalize(keys.to(precise), dim=1).to(keys.dtype)
