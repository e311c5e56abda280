"""After a cut the download goes on, and never with the bytes of another file."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.file_server import Answer, FileServer
from support.outcome import assert_fetched

from siammask_ros.errors import CheckpointError
from siammask_ros.weights_cache.cache import CachedFile
from siammask_ros.weights_cache.download import RetryPolicy
from siammask_ros.weights_cache.fetch import fetch

CUT = 20_000


def test_a_cut_connection_is_gone_on_from(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy, caplog: pytest.LogCaptureFixture
) -> None:
    with FileServer(content, Answer(cut_after=CUT), Answer(cut_after=CUT)) as server:
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.ranges == [None, f"bytes={CUT}-", f"bytes={2 * CUT}-"]
        assert server.statuses == [200, 206, 206]
        assert server.requests[1]["If-Range"] == server.etag
    assert_fetched(davis, content)
    assert f"the connection ended after {CUT} of {len(content)} bytes" in caplog.text


def test_each_cut_that_brought_something_is_forgiven(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    cuts = [Answer(cut_after=5_000) for _ in range(10)]
    with FileServer(content, *cuts) as server:
        fetch(davis, server.address, retry_policy=retry_policy)
        assert len(server.requests) == 11 > retry_policy.tries
    assert_fetched(davis, content)


def test_a_later_run_goes_on_where_the_last_one_stopped(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    refusal = Answer(404, body=b"")
    with FileServer(content, Answer(cut_after=CUT), refusal) as server:
        with pytest.raises(CheckpointError, match="404"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert davis.state() == "begun"
        assert davis.size_bytes() == CUT
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.ranges[-1] == f"bytes={CUT}-"
    assert_fetched(davis, content)


def test_the_date_of_change_serves_where_there_is_no_etag(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, Answer(cut_after=CUT)) as server:
        server.etag, server.last_modified = "", "Mon, 01 Jul 2019 10:00:00 GMT"
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.requests[1]["If-Range"] == server.last_modified
        assert server.statuses == [200, 206]
    assert_fetched(davis, content)


@pytest.mark.parametrize("etag", ["", 'W/"weak"'], ids=["none", "weak"])
def test_without_a_strong_sign_of_the_same_file_it_begins_again(
    etag: str, davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, Answer(cut_after=CUT)) as server:
        server.etag = etag
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.ranges == [None, None]
    assert_fetched(davis, content)


def test_a_server_that_knows_no_parts_sends_all_again(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    plain = Answer(honours=())
    with FileServer(content, Answer(cut_after=CUT), plain) as server:
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.ranges == [None, f"bytes={CUT}-"]
        assert server.statuses == [200, 200]
    assert_fetched(davis, content)


def test_a_server_that_knows_no_parts_and_always_cuts_is_given_up(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    cuts = [Answer(cut_after=CUT, honours=()) for _ in range(20)]
    with FileServer(content, *cuts) as server:
        with pytest.raises(CheckpointError, match="kept to go on from"):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert len(server.requests) == 1 + retry_policy.tries
    assert not davis.path.exists()


@pytest.mark.parametrize(
    "second",
    [
        Answer(),
        Answer(honours=("Range",)),
        Answer(416, body=b""),
    ],
    ids=["says so", "sends a part of the new one", "has no such part"],
)
def test_a_file_that_changed_meanwhile_is_not_glued(
    second: Answer,
    davis: CachedFile,
    content: bytes,
    other_content: bytes,
    retry_policy: RetryPolicy,
) -> None:
    gone = Answer(404, body=b"")
    with FileServer(content, Answer(cut_after=CUT), gone, second) as server:
        with pytest.raises(CheckpointError):
            fetch(davis, server.address, retry_policy=retry_policy)
        server.content, server.etag = other_content, '"second"'
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.ranges[2] == f"bytes={CUT}-"
    assert_fetched(davis, other_content)


def test_a_part_that_begins_elsewhere_is_not_glued(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, Answer(cut_after=CUT), Answer(range_shift=7)) as server:
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.ranges == [None, f"bytes={CUT}-", None]
    assert_fetched(davis, content)


def test_a_part_from_another_address_is_not_gone_on_with(
    davis: CachedFile, content: bytes, other_content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content, Answer(cut_after=CUT), Answer(404, body=b"")) as server:
        with pytest.raises(CheckpointError):
            fetch(davis, server.address, retry_policy=retry_policy)
        assert davis.size_bytes() == CUT
    with FileServer(other_content) as mirror:
        fetch(davis, mirror.address, retry_policy=retry_policy)
        assert mirror.ranges == [None]
    assert_fetched(davis, other_content)


def test_what_came_whole_before_an_interruption_is_used_without_asking(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    with FileServer(content) as server:
        with monkeypatch.context() as patched:
            patched.setattr("siammask_ros.weights_cache.fetch.read_checkpoint", interrupted)
            with pytest.raises(KeyboardInterrupt):
                fetch(davis, server.address, retry_policy=retry_policy)
        fetch(davis, server.address, retry_policy=retry_policy)
        assert len(server.requests) == 1
    assert_fetched(davis, content)


def test_a_web_page_does_not_cost_what_came_before(
    davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    page = Answer(body=b"<html>Please log in", kind="text/html", honours=())
    with FileServer(content, Answer(cut_after=CUT), page) as server:
        with pytest.raises(CheckpointError, match="web page"):
            fetch(davis, server.address, retry_policy=retry_policy)
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.ranges[-1] == f"bytes={CUT}-"
    assert_fetched(davis, content)


@pytest.mark.parametrize(
    "notes",
    [
        "",
        "[1]",
        '{"address": "%s", "validator": 5}',
        '{"address": "%s", "validator": "a\\nb"}',
        '{"address": "%s", "validator": "x", "total_bytes": "1"}',
    ],
    ids=["empty", "list", "number", "two lines", "text for a number"],
)
def test_a_part_with_damaged_notes_is_not_gone_on_with(
    notes: str, davis: CachedFile, content: bytes, retry_policy: RetryPolicy
) -> None:
    with FileServer(content) as server:
        davis.folder.mkdir()
        davis.partial_path.write_bytes(b"of something else")
        notes = notes.replace("%s", server.address)
        davis.partial_path.with_name(f"{davis.partial_path.name}.json").write_text(notes)
        fetch(davis, server.address, retry_policy=retry_policy)
        assert server.ranges == [None]
    assert_fetched(davis, content)
