"""The entries of a benchmark: this machine's engines, and two baselines to compare them with.

The baselines are the reference path (the authors' network as they run it) and TrackerNano.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch

from siammask_ros.engines.int8 import Int8Form
from siammask_ros.engines.registry import EngineConfig, list_engines, open_engine, open_reference
from siammask_ros.errors import CheckpointError, ConfigError, DataError
from siammask_ros.evaluation.benchmarks.box_trackers import NANO_FILES, NanoBoxTracker
from siammask_ros.evaluation.speed.conclusions import REFERENCE
from siammask_ros.evaluation.speed.reference import ReferenceTracker
from siammask_ros.evaluation.speed.run import BenchmarkEntry
from siammask_ros.evaluation.speed.runner_process import OpenedRunner
from siammask_ros.evaluation.speed.runners import NanoRunner, TrackerRunner
from siammask_ros.model.checkpoint import save_network
from siammask_ros.model.siammask import SiamMask
from siammask_ros.model.variants import get_variant
from siammask_ros.model.weights_file import SHIPPED, read_weights_file, weights_path
from siammask_ros.tracker.config import find_preset, preset_of_model
from siammask_ros.tracker.tracker import Tracker
from siammask_ros.training.datasets import data_root
from siammask_ros.weights_cache.cache import CachedFile, locate_checkpoint
from siammask_ros.weights_cache.catalogue import WEIGHTS

AUTHORS_MODEL = "resnet50"


@dataclass(frozen=True, slots=True)
class TrackerOpener:
    """Opens a tracker with this configuration, or the reference tracker."""

    config: EngineConfig
    preset: str
    is_reference: bool = False

    def __call__(self) -> OpenedRunner:
        """See ``RunnerOpener``."""
        settings = find_preset(self.preset)
        tracker = (
            ReferenceTracker(open_reference(self.config), settings)
            if self.is_reference
            else Tracker(open_engine(self.config), settings)
        )
        info = tracker.engine.info
        name = REFERENCE if self.is_reference else info.engine
        memory = partial(_device_memory_mb, info.device)
        return OpenedRunner(TrackerRunner(tracker), name, info.precision, info.device, memory)


@dataclass(frozen=True, slots=True)
class BaselineOpener:
    """Opens OpenCV's TrackerNano."""

    backbone: Path
    head: Path

    def __call__(self) -> OpenedRunner:
        """See ``RunnerOpener``."""
        return OpenedRunner(NanoRunner(self.backbone, self.head), "opencv", "fp32", "cpu")


def _device_memory_mb(device: str) -> float:
    """Return PyTorch's peak memory on a CUDA device, 0 on a CPU."""
    return 0.0 if device == "cpu" else torch.cuda.max_memory_reserved(device) / 2**20


@dataclass(frozen=True, slots=True)
class _Weights:
    """A model's weights for the benchmark; the accuracy of random weights is not measured.

    ``note`` names weights other than the model's own.
    """

    checkpoint: str
    preset: str
    are_random: bool = False
    note: str = ""


class EntryBuilder:
    """Makes the entries for the command line; random weights are written to ``folder``."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._given = dict(_model_and_file(text) for text in options.checkpoint)
        self._weights: dict[str, _Weights] = {}

    def check_given(self) -> None:
        """Raises CheckpointError where weights that were named cannot be read."""
        for model, file in self._given.items():
            path, expected = locate_checkpoint(file, model)
            read_weights_file(weights_path(path, model), expected)

    @cached_property
    def models(self) -> list[str]:
        """The models in the order of the report, TrackerNano last."""
        chosen = self._options.models or (AUTHORS_MODEL, "lite")
        return [*(get_variant(model).name for model in chosen), NanoBoxTracker.name]

    @cached_property
    def davis_root(self) -> Path | None:
        """The folder of DAVIS-2016, None if it is not there."""
        root = self._data / "eval" / "davis2016" if self._data else None
        return root if root and root.is_dir() else None

    def reference(self) -> TrackerOpener:
        """Return the reference path, with which all entries are compared."""
        return self._opener(AUTHORS_MODEL, "eager", "fp32", is_reference=True)

    def all(self) -> list[BenchmarkEntry]:
        """Return all entries, the important ones first: a quick run may skip the last."""
        models = self.models[:-1]
        pairs = self._pairs()
        return [
            *(self._make_entry(model, REFERENCE, "fp32") for model in models),
            *self._baseline(),
            *(
                self._make_entry(model, *pair)
                for model in models
                for pair in self._int8_pairs(model)
            ),
            *(self._make_entry(model, *pair) for pair in pairs for model in models),
        ]

    def _int8_pairs(self, model: str) -> list[tuple[str, str]]:
        """Return the pair for int8 if this model has an int8 form and it is not excluded."""
        engines, precisions = self._options.engines, self._options.precisions
        if (engines and "openvino" not in engines) or (precisions and "int8" not in precisions):
            return []
        try:
            path, expected = locate_checkpoint(self._weights_of(model).checkpoint, model)
            sha256 = read_weights_file(weights_path(path, model), expected).sha256
        except CheckpointError:
            return []  # The entries that open it report the error.
        return [("openvino", "int8")] if Int8Form.find(sha256).is_there else []

    def _pairs(self) -> list[tuple[str, str]]:
        """Return the requested pairs of engine and precision that this machine offers."""
        known = list_engines(self._options.device)
        engines, precisions = self._options.engines, self._options.precisions
        pairs = [
            (engine, precision)
            for engine, precision in known
            if (not engines or engine in engines) and (not precisions or precision in precisions)
        ]
        missing = [name for name in engines or () if name not in {pair[0] for pair in pairs}]
        missing += [
            name for name in precisions or () if name not in {"int8", *(pair[1] for pair in pairs)}
        ]
        if missing:
            there = ", ".join(f"{engine} {precision}" for engine, precision in known)
            raise ConfigError(f"{missing[0]} cannot be measured here; there are: {there}")
        return pairs

    def _make_entry(self, model: str, engine: str, precision: str) -> BenchmarkEntry:
        is_reference = engine == REFERENCE
        opener = self._opener(model, "eager" if is_reference else engine, precision, is_reference)
        weights = self._weights_of(model)
        return BenchmarkEntry(
            model,
            engine,
            precision,
            opener,
            weights.note,
            takes_many=not is_reference,
            measures_accuracy=not weights.are_random,
        )

    def _opener(
        self, model: str, engine: str, precision: str, is_reference: bool = False
    ) -> TrackerOpener:
        weights = self._weights_of(model)
        config = EngineConfig(
            model=model,
            checkpoint=weights.checkpoint,
            device=self._options.device,
            engine=engine,
            precision=precision,
            threads=self._options.threads,
        )
        return TrackerOpener(config, weights.preset, is_reference)

    def _weights_of(self, model: str) -> _Weights:
        if model not in self._weights:
            self._weights[model] = self._find_weights(model)
        return self._weights[model]

    def _find_weights(self, model: str) -> _Weights:
        """Return the given weights, else shipped or cached ones, else random ones."""
        own = preset_of_model(model)
        # A node, too, takes the model's own set where the authors tuned the weights for masks.
        tuned = {
            weights.name: own if weights.preset == "davis" else weights.preset
            for weights in WEIGHTS.values()
        }
        if given := self._given.get(model):
            return _Weights(given, tuned.get(given, own), note=Path(given).name)
        if model in SHIPPED and SHIPPED[model].is_file():
            return _Weights("", own)
        for weights in WEIGHTS.values():
            if weights.model == model and CachedFile.from_name(weights.name).is_intact():
                return _Weights(weights.name, tuned[weights.name], note=weights.name)
        path = self._folder / f"{model}_random.safetensors"
        torch.manual_seed(0)
        save_network(SiamMask(get_variant(model)), path, {"made": "at random, for speed only"})
        return _Weights(str(path), own, are_random=True, note="random weights")

    def _baseline(self) -> list[BenchmarkEntry]:
        """Return the entry for OpenCV's TrackerNano if its network files exist."""
        paths = [self._data / "weights" / name for name in NANO_FILES] if self._data else []
        if not paths or not all(path.is_file() for path in paths):
            return []
        note = "boxes only"
        return [
            BenchmarkEntry(
                NanoBoxTracker.name,
                "opencv",
                "fp32",
                BaselineOpener(*paths),
                note,
                takes_many=False,
            )
        ]

    @cached_property
    def _data(self) -> Path | None:
        try:
            return data_root()
        except DataError:
            return None


def _model_and_file(text: str) -> tuple[str, str]:
    model, separator, file = text.partition("=")
    if not separator or not file:
        raise ConfigError(f"--checkpoint {text!r} is not understood; expected MODEL=FILE")
    return get_variant(model).name, file
