"""A disk that is full, closed or asked for too much costs a clear line and no damaged file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.file_server import Answer, FileServer
from support.outcome import assert_fetched, assert_nothing_kept

from siammask_ros.errors import CheckpointError, ConfigError
from siammask_ros.weights_cache import partial_download as partial_download
from siammask_ros.weights_cache.cache import CachedFile
from siammask_ros.weights_cache.catalogue import find_weights
from siammask_ros.weights_cache.download import RetryPolicy
from siammask_ros.weights_cache.fetch import fetch

CUT = 20_000


def test_more_than_weights_can_have_is_refused_before_it_comes(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, Answer(length=(2 << 30) + 1)) as server:
        with pytest.raises(CheckpointError, match="over 2 GiB"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert_nothing_kept(davis)


def test_an_endless_stream_is_refused(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_download, "MAX_BYTES", CUT)
    with FileServer(content, Answer(length=0)) as server:
        with pytest.raises(CheckpointError, match="sends over"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert_nothing_kept(davis)


def test_too_little_room_is_told_before_anything_comes(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=10_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with FileServer(content, Answer(length=(2 << 30) - 1)) as server:
        with pytest.raises(ConfigError, match="has 10 MB left; expected room for 2147 MB"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert_nothing_kept(davis)


def test_a_full_disk_is_told_and_the_next_fetch_succeeds(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = partial_download.PartialDownload.begin

    def begin_on_a_full_disk(self: partial_download.PartialDownload, *about: object) -> None:
        begin(self, *about)
        self.path.symlink_to("/dev/full")

    with FileServer(content) as server:
        with monkeypatch.context() as patched:
            patched.setattr(partial_download.PartialDownload, "begin", begin_on_a_full_disk)
            with pytest.raises(ConfigError, match=r"No space left on device.*SIAMMASK_CACHE"):
                fetch(davis, server.address, retry_policy=retry_policy)
        assert not davis.path.exists()
        fetch(davis, server.address, retry_policy=retry_policy)
    assert_fetched(davis, content)


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder in which this user, for the time of the test not root, may only look."""
    was = os.geteuid()
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        if was == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(was)
        folder.chmod(0o755)


def test_a_read_only_cache_is_told(
    read_only: Path, content: bytes, retry_policy: RetryPolicy
) -> None:
    file = CachedFile(find_weights("davis"), read_only)
    with FileServer(content) as server:
        with pytest.raises(ConfigError, match=r"Permission denied.*SIAMMASK_CACHE"):
            fetch(file, server.address, retry_policy=retry_policy)
        assert server.requests == []


def test_a_file_in_the_caches_place_is_told(
    tmp_path: Path, content: bytes, retry_policy: RetryPolicy
) -> None:
    (tmp_path / "file").write_text("no folder")
    file = CachedFile(find_weights("davis"), tmp_path / "file" / "cache")
    with FileServer(content) as server, pytest.raises(ConfigError, match="cannot be written"):
        fetch(file, server.address, retry_policy=retry_policy)
