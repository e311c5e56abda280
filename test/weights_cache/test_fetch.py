"""Weights come whole or not at all, and are the same as the first time."""

from __future__ import annotations

import hashlib
import json

import pytest
from support.file_server import Answer, FileServer
from support.outcome import assert_fetched, assert_nothing_kept

from siammask_ros.errors import CheckpointError
from siammask_ros.weights_cache.cache import CachedFile
from siammask_ros.weights_cache.download import RetryPolicy
from siammask_ros.weights_cache.fetch import fetch

CUT = 20_000


def test_a_whole_file_is_kept_and_remembered(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    steps: list[tuple[int, int | None]] = []
    with FileServer(content) as server:
        record = fetch(davis, server.address, lambda *step: steps.append(step), retry_policy)
        assert fetch(davis, server.address, retry_policy=retry_policy) == record
        assert server.ranges == [None], "what is there and intact is not fetched again"
    assert_fetched(davis, content)
    assert json.loads(davis.record_path.read_text()) == {
        "address": server.address,
        "fetched_at": record.fetched_at,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert steps[0] == (0, len(content))
    assert steps[-1] == (len(content), len(content))
    assert [size for size, _ in steps] == sorted(size for size, _ in steps)


def test_a_length_that_is_never_reached_is_refused(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    promised = len(content) + 1000
    lies = [Answer(length=promised)] + [Answer(416, body=b"", honours=())] * 20
    with FileServer(content, *lies) as server, pytest.raises(CheckpointError):
        fetch(davis, server.address, retry_policy=retry_policy)
    assert_nothing_kept(davis)


def test_a_length_that_is_too_short_leaves_no_damaged_file(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, Answer(length=CUT)) as server:
        with pytest.raises(CheckpointError, match="gave no weights, nothing was kept"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert_nothing_kept(davis)
        fetch(davis, server.address, retry_policy=retry_policy)
    assert_fetched(davis, content)


def test_a_server_that_tells_no_length_is_read_to_its_end(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, Answer(length=0)) as server:
        fetch(davis, server.address, retry_policy=retry_policy)
    assert_fetched(davis, content)


def test_a_damaged_copy_of_a_server_that_tells_no_length_is_not_kept(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, Answer(length=0, cut_after=CUT)) as server:
        with pytest.raises(CheckpointError, match="nothing was kept"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert_nothing_kept(davis)


def test_a_second_fetch_at_the_same_time_is_refused(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content) as server:
        with davis.lock(), pytest.raises(CheckpointError, match="under way"):
            fetch(davis, server.address, retry_policy=retry_policy)
        fetch(davis, server.address, retry_policy=retry_policy)
    assert_fetched(davis, content)


def test_another_file_than_the_remembered_one_is_refused(
    davis: CachedFile, content: bytes, other_content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content) as server:
        first = fetch(davis, server.address, retry_policy=retry_policy)
        davis.path.unlink()
        server.content, server.etag = other_content, '"second"'
        with pytest.raises(CheckpointError, match=f"expected {first.sha256}"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert_nothing_kept(davis)
        server.content, server.etag = content, '"third"'
        assert fetch(davis, server.address, retry_policy=retry_policy) == first
    assert_fetched(davis, content)


def test_a_damaged_file_is_fetched_again(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content) as server:
        fetch(davis, server.address, retry_policy=retry_policy)
        davis.path.write_bytes(content[:-1])
        assert davis.state() == "damaged"
        fetch(davis, server.address, retry_policy=retry_policy)
    assert_fetched(davis, content)
