"""Offline training with the three losses (paper, section 4.1), resumable at any saved step."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import record_function
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from siammask_ros.errors import DataError
from siammask_ros.model.checkpoint import save_network
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import get_variant
from siammask_ros.training.config import TrainingConfig
from siammask_ros.training.folding import fold_norms
from siammask_ros.training.labels import AnchorLabeller, mask_windows
from siammask_ros.training.losses import (
    box_loss,
    hardest_background_cells,
    mask_loss,
    positive_cells,
    quality_loss,
    score_loss,
)
from siammask_ros.training.pairs import PairDataset, PairSampler
from siammask_ros.training.parallel import Workers
from siammask_ros.training.precision import choose_half_precision
from siammask_ros.training.pretrained import load_imagenet_backbone, load_matching_weights
from siammask_ros.training.recipe import Recipe
from siammask_ros.training.sources import load_clips
from siammask_ros.training.training_log import STEPS, VALIDATIONS, TrainingLog
from siammask_ros.training.validation import Validation

_LOG = logging.getLogger(__name__)

# Gradients are clipped to this norm.
_CLIP_NORM = 10.0
# A step with a higher loss is skipped.
_MAX_LOSS = 1e4

Batch = dict[str, Tensor]


class Training:
    """One run: network, its running average, optimiser, and where the run stands.

    Leaves in the configuration's ``out`` folder: ``last.pt`` (to resume from), ``log.csv``,
    ``validation.csv``, their curves, ``samples.png`` and ``<model>.safetensors``. Raises DataError
    for missing data, and for a folder that holds another training where ``resume`` is False.

    ``is_optimized`` False computes layer by layer as the network is written, for comparison.
    """

    def __init__(self, config: TrainingConfig, resume: bool, is_optimized: bool = True) -> None:
        self.config = config
        self.out = Path(config.out)
        self.step = 0
        self.skipped = 0
        torch.manual_seed(config.seed)
        self.workers = Workers.join()
        self.device = self.workers.device()
        self.half = choose_half_precision(config.precision, self.device)
        self.network = SiamMask(get_variant(config.model))
        self._state_path = self.out / "last.pt"
        if self._state_path.exists() and not resume:
            raise DataError(
                f"{self.out} already contains a training; continue it with --resume, or set "
                "another 'out' folder"
            )
        if not self._state_path.exists():
            self._fill()
        self._is_optimized = is_optimized
        self._format = torch.channels_last if is_optimized else torch.contiguous_format
        self.network.to(self.device).to(memory_format=self._format)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.recipe = Recipe(config, self.network)
        self.optimizer = self.recipe.optimizer()
        # Gradients of half precision are scaled up, lest they vanish.
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.half == torch.float16)
        self._weights = {
            "score": config.score_weight,
            "box": config.box_weight,
            "mask": config.mask_weight,
            "dice": config.dice_weight,
            "quality": config.quality_weight,
        }
        self.training_log = TrainingLog(self.out, config.tensorboard and self.workers.is_first)
        if self._state_path.exists():
            self._restore()
        if self.workers.is_first:
            self.training_log.remove_after(self.step)
        # The network that computes: it shares the weights, see fold_norms.
        self._folded = self.network
        self._folded_for: bool | None = None
        self.labeller = AnchorLabeller(self.network.variant)
        self.validation = Validation(config, self.out)

    def run(self) -> Path:
        """Trains to the last step; returns the averaged weights' path.

        Of several workers the first one writes; the others only compute.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        is_first = self.workers.is_first
        total = self.config.steps
        with tqdm(total=total, initial=self.step, unit="step", disable=not is_first) as progress:
            for batch in self._batches():
                losses = self.train_step(batch)
                self.step += 1
                progress.update()
                progress.set_postfix({name: f"{value:.3f}" for name, value in losses.items()})
                if is_first:
                    self._record(losses)
        self.training_log.close()
        self.workers.disconnect()
        return self._weights_path

    def _record(self, losses: dict[str, float]) -> None:
        """Logs this step; saves and validates where it is time to."""
        config = self.config
        self._log(losses)
        finished = self.step == config.steps
        if finished or self.step % config.save_every == 0:
            self._save()
        if finished or self.step % config.validate_every == 0:
            answered = self.validation.run(self.average)
            self.training_log.add(VALIDATIONS, {"step": self.step, **answered})
            self.training_log.draw()

    def _fill(self) -> None:
        start_from = self.config.start_from
        if start_from:
            load_matching_weights(self.network, Path(start_from))
        else:
            load_imagenet_backbone(self.network)

    @property
    def _weights_path(self) -> Path:
        return self.out / f"{self.config.model}.safetensors"

    def _batches(self) -> Iterator[Batch]:
        config = self.config
        sampler = PairSampler(load_clips(config.sources, config.holdout), config.pairs, config.seed)
        dataset = PairDataset(sampler, config.steps * config.batch)
        numbers = self.workers.pair_numbers(self.step * config.batch, len(dataset), config.batch)
        size = config.batch // self.workers.count
        return iter(DataLoader(Subset(dataset, numbers), size, num_workers=config.workers))

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One step on a batch of PairDataset's items; returns the losses, ``loss`` their sum."""
        config = self.config
        # What the losses draw depends on the step alone, so that a training resumes exactly.
        torch.manual_seed((config.seed << 32) + self.step)
        self.recipe.begin_step(self.step, self.optimizer)
        losses = self._losses({name: value.to(self.device) for name, value in batch.items()})
        total = sum((self._weights[name] * loss for name, loss in losses.items()), torch.zeros(()))
        both = torch.stack([total, *losses.values()]).detach()
        values = dict(zip(("loss", *losses), self.workers.average(both).tolist(), strict=True))
        self.optimizer.zero_grad(set_to_none=True)
        if not math.isfinite(values["loss"]) or values["loss"] > _MAX_LOSS:
            self.skipped += 1
            return values
        with record_function("backward"):
            self.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        # Averaged first: what overflowed in one worker is then seen by the scalers of all.
        self.workers.average_gradients(self.network.parameters())
        with record_function("optimizer"):
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP_NORM)
            self.scaler.step(self.optimizer)
            self.scaler.update()
        with record_function("running average"):
            self._update_average()
        return values

    def _fold_network(self) -> SiamMask:
        """The network with the backbone's norms folded, made again when other parts train."""
        trains_backbone = self.recipe.trains_backbone(self.step)
        if self._is_optimized and trains_backbone != self._folded_for:
            self._folded = copy.copy(self.network)
            self._folded._modules = dict(self.network._modules)
            self._folded._modules["features"] = fold_norms(self.network.features, self.half)
            self._folded_for = trains_backbone
        return self._folded

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        network, variant = self._fold_network(), self.network.variant
        labels = self.labeller(batch["box_xyxy"], batch["positive"])
        with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
            with record_function("template and search"):
                template, search = (
                    batch[name].float().contiguous(memory_format=self._format)
                    for name in ("template", "search")
                )
                maps = network.search(search, network.template(template))
            cells: Sequence[Tensor] = positive_cells(labels.kind, self.config.masks_per_pair)
            counted = len(cells[0])
            if variant.has_matching:
                background = hardest_background_cells(maps.score.detach().float(), labels.kind)
                cells = [torch.cat(both) for both in zip(cells, background, strict=True)]
            items, rows, columns = cells
            with record_function("masks"):
                masks = network.masks(maps, items, rows, columns)
        logits = masks.logits.float()
        if logits.shape[-1] != variant.mask_cover:
            logits = torch.nn.functional.interpolate(
                logits[:, None], size=variant.mask_cover, mode="bilinear", align_corners=True
            )[:, 0]
        windows = mask_windows(batch["mask"], items, rows, columns, variant)
        logistic, dice = mask_loss(logits[:counted], windows[:counted])
        losses = {
            "score": score_loss(maps.score.float(), labels.kind),
            "box": box_loss(maps.box.float(), labels.kind, labels.offsets),
            "mask": logistic,
            "dice": dice,
        }
        if variant.has_matching:
            losses["quality"] = quality_loss(masks.quality.float(), logits, windows)
        return losses

    @torch.no_grad()
    def _update_average(self) -> None:
        """Update the exponential running average of the weights; it is faster at the start."""
        decay = min(self.config.average_decay, (1 + self.step) / (10 + self.step))
        ours = self.average.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                ours[name].lerp_(value, 1 - decay)

    def _log(self, losses: dict[str, float]) -> None:
        rate = self.recipe.rate(self.step)
        progress = {"step": self.step, "rate": rate, "skipped": self.skipped}
        self.training_log.add(STEPS, {**progress, **losses})

    def _save(self) -> None:
        """Write what a resumed run needs and the averaged weights, each whole or not at all."""
        unfinished = self._state_path.with_suffix(".part")
        torch.save(
            {
                "step": self.step,
                "skipped": self.skipped,
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
            },
            unfinished,
        )
        unfinished.replace(self._state_path)
        save_network(self.average, self._weights_path, {"steps": str(self.step)})

    def _restore(self) -> None:
        state = torch.load(self._state_path, map_location=self.device, weights_only=True)  # noqa: TID251
        self.step, self.skipped = state["step"], state["skipped"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        _LOG.info("continues at step %d of %d", self.step, self.config.steps)
