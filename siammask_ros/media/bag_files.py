"""The messages in a bag's files, also of one whose end is missing or damaged.

A recorder that was killed leaves a bag without its index: then the records that are whole are
read one after the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from siammask_ros.errors import DataError
from siammask_ros.media.frames import BAG_METADATA, BAG_SUFFIXES
from siammask_ros.media.mended_mcap import MendedFile, record_ends
from siammask_ros.media.natural_order import in_natural_order


class BagDamage(DataError):
    """A bag cannot be read any further."""


class Message(NamedTuple):
    """A message as it was recorded: its type, when that was, and its serialized fields."""

    kind: str
    recorded_ns: int
    data: bytes


class Topic(NamedTuple):
    """What is known of a topic: its type, and how many messages it has or None."""

    kind: str
    total: int | None


class _File(Protocol):
    """One file of a bag, or all of them behind their metadata."""

    @property
    def topics(self) -> dict[str, Topic]: ...

    def messages(self, topic: str) -> Iterator[Message]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Bag:
    """An open bag; ``damage`` says what is wrong with its end, or is empty."""

    files: Sequence[_File]
    damage: str

    @property
    def topics(self) -> dict[str, Topic]:
        """Every topic by its name."""
        found: dict[str, Topic] = {}
        for file in self.files:
            for name, topic in file.topics.items():
                before = found[name].total if name in found else 0
                is_known = before is not None and topic.total is not None
                total = (before or 0) + (topic.total or 0) if is_known else None
                found[name] = Topic(topic.kind, total)
        return found

    def messages(self, topic: str) -> Iterator[Message]:
        """A topic's messages in the order of their recording.

        Raises BagDamage where the bag is damaged, after all before that have been given.
        """
        try:
            for file in self.files:
                yield from file.messages(topic)
        except Exception as error:
            # Which exception a damaged file raises while it is read is not documented.
            raise BagDamage(f"the bag is damaged from there on ({_words(error)})") from error
        if self.damage:
            raise BagDamage(f"the bag is cut off or damaged from there on ({self.damage})")


@contextmanager
def open_bag(path: Path) -> Iterator[Bag]:
    """Opens a bag: a folder with its files, or one of them; raises DataError.

    What is left of a damaged one is read as well.
    """
    with ExitStack() as opened:
        files: list[_File] = []
        damage = ""
        try:
            files.append(_Whole.open(path))
            opened.callback(files[0].close)
        except Exception as error:
            # Which exception a damaged file raises when it is opened is not documented.
            files, damage = _remains(path, error, opened)
        yield Bag(files, damage)


def _remains(path: Path, reason: Exception, opened: ExitStack) -> tuple[list[_File], str]:
    """The files of a bag up to and with the first damaged one, and what is wrong with that."""
    paths = _storage_files(path) if path.is_dir() else [path]
    files: list[_File] = []
    for each in paths:
        file, damage = _open_alone(each)
        if file is not None:
            files.append(file)
            opened.callback(file.close)
        if damage:
            break
    else:
        # Every file is sound. A bag may lack its metadata, but they must not contradict it.
        damage = ""
        if not paths or (path / BAG_METADATA).exists():
            raise DataError(f"{path} cannot be read: {_words(reason)}") from reason
    if not files:
        raise DataError(f"{path} cannot be read: {damage}") from reason
    return files, damage


def _storage_files(folder: Path) -> list[Path]:
    """The bag's files in the order of their numbers."""
    return in_natural_order(path for path in folder.iterdir() if path.suffix in BAG_SUFFIXES)


def _open_alone(path: Path) -> tuple[_File | None, str]:
    """One file of a bag, or what is left of it or None; and what is wrong with it."""
    try:
        return _Whole.open(path), ""
    except Exception as error:
        damage = f"{path.name}: {_words(error)}"
    try:
        return (_CutMcap if path.suffix == ".mcap" else _CutSqlite).open(path), damage
    except Exception:
        return None, damage


def _words(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


class _Whole:
    """What rosbags reads."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    @classmethod
    def open(cls, path: Any) -> _Whole:
        """Opens a folder or file; raises whatever rosbags raises."""
        from rosbags.rosbag2 import Reader

        reader = Reader(path)
        reader.open()
        return cls(reader)

    @property
    def topics(self) -> dict[str, Topic]:
        return {
            name: Topic(topic.msgtype or "", topic.msgcount)
            for name, topic in self._reader.topics.items()
        }

    def messages(self, topic: str) -> Iterator[Message]:
        connections = [each for each in self._reader.connections if each.topic == topic]
        if not connections:
            return  # to rosbags, no connection means all of them
        for connection, recorded_ns, data in self._reader.messages(connections):
            yield Message(connection.msgtype, recorded_ns, data)

    def close(self) -> None:
        self._reader.close()


class _CutSqlite:
    """What is left of a SQLite file that is shorter than it says."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path) -> _CutSqlite:
        """Opens the file read-only; raises sqlite3.Error where not even its topics are left."""
        address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        database = sqlite3.connect(address, uri=True)
        try:
            # SQLite refuses a file that was cut off unless it is told that it is being repaired.
            database.execute("PRAGMA writable_schema=ON")
            database.execute("PRAGMA trusted_schema=OFF")
            found = cls(database)
            if not found.topics:
                raise sqlite3.DatabaseError("no topics")
        except BaseException:
            database.close()
            raise
        return found

    @property
    def topics(self) -> dict[str, Topic]:
        rows = self._database.execute("SELECT name, type FROM topics")
        return {name: Topic(kind, None) for name, kind in rows}

    def messages(self, topic: str) -> Iterator[Message]:
        # By id and not by time: the index of times lies all over the file, its end included.
        rows = self._database.execute(
            "SELECT topics.type, messages.timestamp, messages.data FROM messages "
            "CROSS JOIN topics ON topics.id = messages.topic_id "
            "WHERE topics.name = ? ORDER BY messages.id",
            (topic,),
        )
        for kind, recorded_ns, data in rows:
            yield Message(kind, recorded_ns, data)

    def close(self) -> None:
        self._database.close()


class _CutMcap(_Whole):
    """What is left of an MCAP file without its end: the records that are whole."""

    @classmethod
    def open(cls, path: Path) -> _CutMcap:
        """Opens as much of it as can be read; raises whatever rosbags raises."""
        ends = record_ends(path)
        try:
            return cls(_Whole.open(MendedFile(path, ends[-1]))._reader)
        except Exception:
            # A crash can leave garbage at the end that looks like a record: take what is before.
            low, high = 0, len(ends) - 1
            while high - low > 1:
                middle = (low + high) // 2
                try:
                    _Whole.open(MendedFile(path, ends[middle])).close()
                    low = middle
                except Exception:
                    high = middle
            return cls(_Whole.open(MendedFile(path, ends[low]))._reader)
