"""Downloads named weights into the cache, checks them and writes their record."""

from __future__ import annotations

from datetime import datetime, timezone

from siammask_ros.errors import CheckpointError
from siammask_ros.model.checkpoint import read_checkpoint
from siammask_ros.weights_cache.cache import CachedFile, report_write_errors
from siammask_ros.weights_cache.download import (
    DEFAULT_RETRY_POLICY,
    OnProgress,
    RetryPolicy,
    check_address,
    download,
)
from siammask_ros.weights_cache.download_record import DownloadRecord
from siammask_ros.weights_cache.partial_download import PartialDownload


def fetch(
    file: CachedFile,
    address: str = "",
    on_progress: OnProgress = lambda size_bytes, total_bytes: None,
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
) -> DownloadRecord:
    """Download weights into the cache if they are missing or damaged; returns their record.

    ``address`` is a mirror; empty means the authors' address. The file appears only when it is
    complete, can be read as weights, and matches the record of an earlier download. Raises
    CheckpointError and ConfigError, see ``download``. After an error the cache is unchanged,
    except for an unfinished download that can be resumed.
    """
    address = address or file.weights.address
    check_address(address)
    remembered = DownloadRecord.read(file.record_path)
    if remembered and file.is_intact():
        return remembered
    with file.lock():
        partial = PartialDownload(file.partial_path, address)
        download(address, partial, on_progress, retry_policy)
        record = _verify_download(partial, address)
        if remembered:
            _reject_different_file(file, partial, remembered, record)
        with report_write_errors(file.folder):
            file.complete(record)
        partial.remove_notes()
    return remembered or record


def _verify_download(partial: PartialDownload, address: str) -> DownloadRecord:
    """Return a record of the download; discard it and raise CheckpointError if not weights."""
    try:
        checkpoint = read_checkpoint(partial.path)
    except CheckpointError as error:
        partial.discard()
        raise CheckpointError(f"{address} gave no weights, nothing was kept: {error}") from error
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return DownloadRecord(address, now, partial.size_bytes, checkpoint.sha256)


def _reject_different_file(
    file: CachedFile, partial: PartialDownload, remembered: DownloadRecord, came: DownloadRecord
) -> None:
    if came.sha256 == remembered.sha256:
        return
    partial.discard()
    raise CheckpointError(
        f"{came.address} gave a file with SHA-256 {came.sha256}; expected {remembered.sha256}, as "
        f"fetched from {remembered.address} at {remembered.fetched_at}. If the new file is the one "
        f"you want, remove {file.record_path} and fetch again"
    )
