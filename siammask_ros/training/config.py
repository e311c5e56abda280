"""The configuration of a training, read from a YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.model.variants import VARIANTS
from siammask_ros.settings import check, flag, number, text
from siammask_ros.training.pair_config import PairConfig
from siammask_ros.training.sources import SETS, Source, read_sources


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """What is trained, on which data, and for how long. One step uses ``batch`` pairs.

    The first ``frozen_stages`` stages of the backbone keep their weights; the later ones train from
    ``unfreeze_at`` of all steps on, with ``backbone_rate`` of the learning rate of the heads.
    """

    model: str = text("lite", "network", tuple(VARIANTS))
    out: str = text("out/training", "folder for all results")
    start_from: str = text("", "weights to start from; default: the ImageNet backbone")
    sources: tuple[Source, ...] = tuple(map(Source, SETS))
    holdout: tuple[str, ...] = ()
    seed: int = number(0, "seed of pairs and new weights", 0, 2**31)
    workers: int = number(1, "processes that make pairs", 0, 64)
    precision: str = text(
        "auto",
        "arithmetic of the network: auto is bf16 where the device has it, else fp32; fp16 on CUDA",
        ("auto", "bf16", "fp32", "fp16"),
    )
    trains: str = text(
        "all", "what is trained: all, or only the mask branch (the second stage)", ("all", "masks")
    )
    steps: int = number(2000, "number of steps", 1, 10**9)
    batch: int = number(16, "pairs per step", 1, 4096)
    optimizer: str = text("adamw", "optimizer", ("adamw", "sgd"))
    schedule: str = text(
        "cosine", "how the learning rate falls after the warm-up", ("cosine", "logarithmic")
    )
    learning_rate: float = number(2e-3, "highest learning rate, of the heads", 1e-9, 10.0)
    final_rate: float = number(0.02, "last learning rate, relative to the highest", 0.0, 1.0)
    warmup_steps: int = number(100, "steps until the highest learning rate", 0, 10**6)
    weight_decay: float = number(1e-4, "of the optimizer", 0.0, 1.0)
    frozen_stages: int = number(4, "first stages of the backbone that are never trained", 0, 100)
    unfreeze_at: float = number(
        0.6, "share of the steps after which the later stages are trained", 0.0, 1.0
    )
    backbone_rate: float = number(0.1, "their learning rate, relative to the heads", 0.0, 1.0)
    average_decay: float = number(0.998, "of the running average of the weights", 0.0, 1.0)
    score_weight: float = number(1.0, "of the score loss", 0.0, 1e4)
    box_weight: float = number(1.2, "of the box loss", 0.0, 1e4)
    mask_weight: float = number(8.0, "of the logistic mask loss", 0.0, 1e4)
    dice_weight: float = number(2.0, "of the Dice mask loss", 0.0, 1e4)
    quality_weight: float = number(
        1.0, "of the quality loss, if the network estimates its quality", 0.0, 1e4
    )
    masks_per_pair: int = number(2, "cells per pair whose masks are trained", 1, 625)
    tensorboard: bool = flag(False, "also write logs for TensorBoard, in tensorboard/")
    save_every: int = number(100, "steps between two saved states", 1, 10**9)
    validate_every: int = number(500, "steps between two validations", 1, 10**9)
    validation_pairs: int = number(96, "pairs of the validation videos", 0, 10**5)
    pairs: PairConfig = field(default_factory=PairConfig)

    def __post_init__(self) -> None:
        check(self)
        names: Any = self.holdout
        if not isinstance(names, tuple) or not all(isinstance(part, str) for part in names):
            raise ConfigError(f"holdout is {names!r}; expected a list of names")
        if not self.sources:
            raise ConfigError("sources is empty; expected data to train on")

    @classmethod
    def read(cls, path: Path) -> TrainingConfig:
        """Read a configuration from a YAML file; a missing key keeps its default.

        Raises ConfigError for a file that cannot be read, an unknown key or a bad value.
        """
        content = _read_yaml(path)
        if not isinstance(content, dict):
            raise ConfigError(f"{path} contains no settings; expected lines of 'name: value'")
        if "sources" in content:
            content["sources"] = read_sources(content["sources"], path)
        pairs = _check_names(PairConfig, content.pop("pairs", None) or {}, path, "pairs.")
        values = _check_names(cls, content, path, "")
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        try:
            return cls(**values, pairs=PairConfig(**pairs))
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def check_files(self) -> None:
        """Check that data and weights exist and create the ``out`` folder, before any loading.

        Raises DataError.
        """
        for source in self.sources:
            source.check_files()
        if self.start_from and not Path(self.start_from).is_file():
            raise DataError(f"start_from is {self.start_from!r}; expected a file of weights")
        try:
            Path(self.out).mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise DataError(f"out is {self.out!r}, which cannot be created: {reason}") from error


def _read_yaml(path: Path) -> Any:
    """Read a YAML file; raises ConfigError with a message of one line."""
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_repeated_keys(yaml.compose(text, Loader=yaml.SafeLoader), path)
        return yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{path} cannot be read as YAML: {place}{error.problem}") from error
    # A ValueError comes from bytes that are not text, or from an impossible date.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be read as YAML: {reason}") from error


def _refuse_repeated_keys(node: yaml.Node | None, path: Path) -> None:
    """Raise ConfigError if a mapping has a key twice; YAML would silently use the last one.

    Lists are not searched.
    """
    if not isinstance(node, yaml.MappingNode):
        return
    names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: {name} is set twice; expected each setting once")
    for _, value in node.value:
        _refuse_repeated_keys(value, path)


def _check_names(kind: type, values: Any, path: Path, prefix: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: {prefix.rstrip('.')} is {values!r}; expected 'name: value'")
    known = {item.name for item in fields(kind)}
    for name in values:
        if name not in known:
            raise ConfigError(
                f"{path}: unknown setting {prefix}{name}; expected one of: "
                + ", ".join(sorted(known))
            )
    return dict(values)
