"""Where the int8 form of some weights lies on this machine, and what is known of it.

It is made once by ``siammask export --format int8``, for one file of weights, and kept in the
user's cache under that file's SHA-256. That of the shipped weights is shipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from siammask_ros.engines.model_folder import ModelFolder
from siammask_ros.errors import EngineError
from siammask_ros.weights_cache.cache import cache_folder

SHIPPED = Path(__file__).parent.parent / "weights" / "int8"

# What may be lost of the mean J for int8 to be taken without being asked for.
HARMLESS_LOSS = 0.01

_AGAIN = "run: siammask export --format int8, with the same model and checkpoint"


@dataclass(frozen=True, slots=True)
class Int8About:
    """How an int8 form was made, and how good and fast it was found to be.

    ``mean_j`` and ``step_ms`` by precision, both of the same run; empty where there were no data
    to measure on.
    """

    model: str
    weights_sha256: str
    runtime: str
    images: int
    measured_on: str
    mean_j: dict[str, float]
    box_iou: dict[str, float]
    step_ms: dict[str, float]

    def assess(self) -> tuple[bool, str]:
        """Whether 'auto' may take int8 instead of what it would take else, and why."""
        if not self.mean_j:
            return False, "int8 was not measured: no sequences were at hand"
        loss = self.mean_j["fp32"] - self.mean_j["int8"]
        if loss >= HARMLESS_LOSS:
            return False, f"int8 loses {loss:.3f} mean J against fp32, {HARMLESS_LOSS} or more"
        fastest = min(ms for precision, ms in self.step_ms.items() if precision != "int8")
        if self.step_ms["int8"] >= fastest:
            return False, f"int8 is no faster: {self.step_ms['int8']:.1f} ms a step"
        return True, f"int8 loses {loss:.3f} mean J and is {fastest / self.step_ms['int8']:.2f}x"


@dataclass(frozen=True, slots=True)
class Int8Form:
    """The folder for the int8 form of weights with this SHA-256. There may be nothing yet."""

    folder: Path

    @classmethod
    def of(cls, sha256: str) -> Int8Form:
        """The place in the user's cache; raises ConfigError where there is no cache."""
        return cls(cache_folder() / "int8" / sha256)

    @classmethod
    def find(cls, sha256: str) -> Int8Form:
        """The one to open: that of the user's cache, where none was made there the shipped one."""
        own, shipped = cls.of(sha256), cls(SHIPPED / sha256)
        return shipped if shipped.is_there and not own.is_there else own

    @property
    def is_there(self) -> bool:
        """Whether it was made."""
        return self._files.is_there

    @property
    def is_shipped(self) -> bool:
        """Whether it is no one's own."""
        return self.folder.parent == SHIPPED

    def search_model(self, runtime: str) -> Path:
        """The file for OpenVINO, found whole; raises EngineError with what to do else."""
        if not self.is_there:
            raise EngineError(f"there is no int8 form of these weights on this machine; {_AGAIN}")
        if misfit := self._misfit(runtime):
            raise EngineError(f"{misfit}; {_AGAIN}")
        with _add_advice():
            return self._files.model()

    def assess(self, runtime: str) -> tuple[bool, str]:
        """As ``Int8About.assess``, and that this runtime is not another than made it."""
        if misfit := self._misfit(runtime):
            return False, f"no int8, for {misfit}"
        return self.about().assess()

    def about(self) -> Int8About:
        """What is known of it; raises EngineError where that is not readable."""
        with _add_advice():
            notes = self._files.notes()
            try:
                return Int8About(**notes)
            except TypeError as error:
                raise EngineError(f"{self.folder} has notes of something else: {error}") from error

    def new_model(self, about: Int8About) -> AbstractContextManager[Path]:
        """A path for a new search model; see ``ModelFolder.new_model``."""
        return self._files.new_model(asdict(about))

    def note(self, about: Int8About) -> None:
        """Notes what became known of the model since it was made."""
        self._files.note(asdict(about))

    def _misfit(self, runtime: str) -> str:
        made_by = self.about().runtime
        where = "the shipped form" if self.is_shipped else self.folder
        return "" if made_by == runtime else f"{where} was made by {made_by}, this is {runtime}"

    @property
    def _files(self) -> ModelFolder:
        return ModelFolder(self.folder)


@contextmanager
def _add_advice() -> Iterator[None]:
    """Adds what to do to an error."""
    try:
        yield
    except EngineError as error:
        raise EngineError(f"{error}; {_AGAIN}") from error
