"""Trains one network in several processes, each on a part of every batch (torchrun)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from siammask_ros.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Workers:
    """This process among the ``count`` that torchrun started; alone without it."""

    rank: int = 0
    count: int = 1

    @classmethod
    def join(cls) -> Workers:
        """Connect the workers that torchrun started."""
        if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
            return cls()
        workers = cls(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
        if workers.count > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return workers

    @property
    def is_first(self) -> bool:
        """Whether this one writes the log and the files."""
        return self.rank == 0

    def device(self) -> torch.device:
        """A GPU of its own, or the CPU where there is none."""
        if not torch.cuda.is_available():
            return torch.device("cpu")
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        return device

    def pair_numbers(self, first: int, end: int, batch: int) -> range:
        """Return the numbers of this worker's pairs, every ``count``-th; raises ConfigError."""
        if batch % self.count:
            raise ConfigError(f"batch is {batch}; expected a multiple of the {self.count} workers")
        return range(first + self.rank, end, self.count)

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Give every worker the mean of all workers' gradients; none counts as zero."""
        if self.count == 1:
            return
        trained = [p for p in parameters if p.requires_grad]
        for parameter in trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([p.grad.flatten() for p in trained if p.grad is not None])
        self.average(flat)
        at = 0
        for parameter in trained:
            assert parameter.grad is not None
            size = parameter.numel()
            parameter.grad.copy_(flat[at : at + size].view_as(parameter))
            at += size

    def average(self, value: Tensor) -> Tensor:
        """The mean of all workers' values, in place."""
        if self.count > 1:
            dist.all_reduce(value)
            value /= self.count
        return value

    def disconnect(self) -> None:
        """Wait for the other workers and disconnect."""
        if self.count > 1:
            dist.barrier()
            dist.destroy_process_group()
