"""Decides which parts of a network are trained at a step, and how fast (paper, 4.1)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from siammask_ros.model import efficientnet, resnet
from siammask_ros.model.siammask import SiamMask
from siammask_ros.training.config import TrainingConfig


class Recipe:
    """The schedule of one training. The backbone's norms keep their ImageNet statistics."""

    def __init__(self, config: TrainingConfig, network: SiamMask) -> None:
        self._config = config
        self._network = network
        *self._backbone, _ = _stages(network)

    def optimizer(self) -> torch.optim.Optimizer:
        """AdamW, or SGD with momentum 0.9, over everything that is trained."""
        config = self._config
        if config.optimizer == "sgd":
            return torch.optim.SGD(
                self._groups(), lr=0.0, momentum=0.9, weight_decay=config.weight_decay
            )
        return torch.optim.AdamW(self._groups(), weight_decay=config.weight_decay)

    def begin_step(self, step: int, optimizer: torch.optim.Optimizer) -> None:
        """Set modes and learning rates for this step, counted from 0."""
        rate = self.rate(step)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self._network.train()
        unfrozen = self.trains_backbone(step)
        for index, part in enumerate(self._backbone):
            for module in part:
                module.eval()
                module.requires_grad_(unfrozen and index >= self._config.frozen_stages)
        for module in self._never_trained():
            module.eval()
            module.requires_grad_(False)

    def trains_backbone(self, step: int) -> bool:
        """Whether the backbone's later stages train at this step, counted from 0."""
        return step >= self._config.unfreeze_at * self._config.steps

    def rate(self, step: int) -> float:
        """The heads' learning rate: a linear warm-up, then down to ``final_rate`` of it.

        Along a cosine, or, as the authors do, by the same factor in every step.
        """
        config = self._config
        if step < config.warmup_steps:
            return config.learning_rate * (step + 1) / config.warmup_steps
        done = (step - config.warmup_steps) / max(config.steps - config.warmup_steps, 1)
        floor = config.final_rate
        if config.schedule == "logarithmic":
            return float(config.learning_rate * floor**done)
        return config.learning_rate * (floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2)

    def _never_trained(self) -> list[nn.Module]:
        """With ``trains: masks``, the authors' second stage, all that masks share with the rest."""
        if self._config.trains == "all":
            return []
        return [self._network.features, self._network.rpn_model]

    def _groups(self) -> list[dict[str, Any]]:
        """Parameter groups: the backbone's later stages, and all else (heads, refinement)."""
        fixed = {id(p) for module in self._never_trained() for p in module.parameters()}
        backbone = {
            id(p) for part in self._backbone for module in part for p in module.parameters()
        }
        late = [
            p
            for part in self._backbone[self._config.frozen_stages :]
            for module in part
            for p in module.parameters()
            if id(p) not in fixed
        ]
        heads = [p for p in self._network.parameters() if id(p) not in fixed | backbone]
        return [
            {"params": heads, "factor": 1.0},
            {"params": late, "factor": self._config.backbone_rate},
        ]


def _stages(network: SiamMask) -> list[list[nn.Module]]:
    features = network.features
    if isinstance(features, resnet.ResNet50):
        return resnet.backbone_stages(features)
    return efficientnet.backbone_stages(features)
