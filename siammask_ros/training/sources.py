"""The sources of training data: known data sets by name, users' data by layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.training import layouts
from siammask_ros.training.datasets import (
    ObjectClip,
    coco_clips,
    data_root,
    davis_clips,
    ecssd_clips,
    voc_clips,
)
from siammask_ros.training.layouts import LAYOUTS

# The known data sets, by the names of their folders in $SIAMMASK_DATA/train.
SETS: dict[str, Callable[[Path], Iterator[ObjectClip]]] = {
    "davis": davis_clips,
    "voc": voc_clips,
    "ecssd": ecssd_clips,
    "coco": coco_clips,
    "stills": layouts.still_sets,
    "videos": layouts.videos,
}


@dataclass(frozen=True, slots=True)
class Source:
    """Objects to train on.

    Without a path ``kind`` names a set under $SIAMMASK_DATA/train: davis, voc, ecssd, coco, stills
    or videos. With one it is the layout of the data there: videos, davis, youtube_vos, stills, or
    coco, whose path is the JSON file and whose images are in ``images``, else beside it.
    ``weight`` is how often each of its objects is drawn, against 1 for another source's.
    """

    kind: str
    path: str = ""
    images: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        kinds: Any = LAYOUTS if self.path else SETS
        if self.kind not in kinds:
            what = "layout" if self.path else "data set"
            raise ConfigError(f"unknown {what} {self.kind!r}; expected one of: {', '.join(kinds)}")
        if self.images and not (self.path and self.kind == "coco"):
            raise ConfigError(
                f"images is {self.images!r} for {self.kind}; only coco with a path reads it"
            )
        if not 0 < self.weight < float("inf"):
            raise ConfigError(f"weight is {self.weight} for {self.kind}; expected above 0")

    @property
    def name(self) -> str:
        """The name for tables and messages."""
        return f"{self.kind} {self.path}" if self.path else self.kind

    def clips(self, root: Path | None = None) -> list[ObjectClip]:
        """Read its objects; known sets are in the data folder ``root``, else $SIAMMASK_DATA.

        Raises DataError where they are missing, damaged or too small to train on.
        """
        clips = self._at_path() if self.path else self._read_known_set(root)
        if not clips:
            raise DataError(f"{self.name} contains no object large enough to train on.")
        return [replace(clip, weight=self.weight) for clip in clips]

    def check_files(self) -> None:
        """Raise DataError where its file or folder is not there; nothing is read."""
        if not self.path:
            self._find_known_set()
            return
        for path in filter(None, (self.path, self.images)):
            if not Path(path).expanduser().exists():
                raise DataError(f"{path} is missing; expected the data of a source, {self.kind}")

    def _at_path(self) -> list[ObjectClip]:
        path = Path(self.path).expanduser()
        images = (Path(self.images).expanduser(),) if self.images else ()
        return list(LAYOUTS[self.kind](path, *images))

    def _read_known_set(self, root: Path | None) -> list[ObjectClip]:
        return list(SETS[self.kind](self._find_known_set(root)))

    def _find_known_set(self, root: Path | None = None) -> Path:
        folder = data_root(root) / "train" / self.kind
        if not folder.is_dir():
            raise DataError(
                f"There is no data set at {folder}. Set SIAMMASK_DATA to the folder above train/, "
                f"or leave {self.kind!r} out of the sources."
            )
        return folder


def load_clips(
    sources: Sequence[Source], holdout: Sequence[str] = (), root: Path | None = None
) -> list[ObjectClip]:
    """Every object to train on, without those of the videos named in ``holdout``.

    Raises DataError as ``Source.clips`` does, and where a video to hold out does not exist.
    """
    return exclude_validation_clips(
        [clip for source in sources for clip in source.clips(root)], holdout
    )


def exclude_validation_clips(
    clips: Sequence[ObjectClip], holdout: Sequence[str]
) -> list[ObjectClip]:
    """The objects to train on; raises DataError where a video to hold out does not exist."""
    unknown = set(holdout) - {_video_name(clip) for clip in clips if clip.is_video}
    if unknown and any(clip.is_video for clip in clips):
        raise DataError(
            f"holdout names videos that the sources lack: {sorted(unknown)}; correct the names"
        )
    return [clip for clip in clips if not is_validation_clip(clip, holdout)]


def is_validation_clip(clip: ObjectClip, holdout: Sequence[str]) -> bool:
    """Whether this object's video belongs to the validation split."""
    return clip.is_video and _video_name(clip) in holdout


def read_sources(value: Any, where: Path) -> tuple[Source, ...]:
    """The sources as a configuration file lists them: names, or kind, path, images and weight.

    Raises ConfigError. A relative path counts from the working folder.
    """
    if not isinstance(value, list):
        raise ConfigError(f"{where}: sources is {value!r}; expected a list")
    sources = []
    for entry in value:
        fields = {"kind": entry} if isinstance(entry, str) else entry
        if not _is_source(fields):
            raise ConfigError(
                f"{where}: the source {entry!r} cannot be read; expected a name, or kind, "
                "path and, where they apply, images (coco) and weight (a number)"
            )
        sources.append(Source(**fields))
    return tuple(sources)


def _is_source(fields: Any) -> bool:
    texts, numbers = {"kind", "path", "images"}, {"weight"}
    return (
        isinstance(fields, dict)
        and "kind" in fields
        and set(fields) <= texts | numbers
        and all(isinstance(fields[name], str) for name in texts & set(fields))
        and all(type(fields[name]) in (int, float) for name in numbers & set(fields))
    )


def _video_name(clip: ObjectClip) -> str:
    """A video's name; of several objects each has the name VIDEO/NUMBER."""
    return clip.name.partition("/")[0]
