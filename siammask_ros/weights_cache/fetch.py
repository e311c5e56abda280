"""From a name to a file of weights on the disk: whole, read once, and remembered."""

from __future__ import annotations

from datetime import datetime, timezone

from siammask_ros.errors import CheckpointError
from siammask_ros.model.checkpoint import read_checkpoint
from siammask_ros.weights_cache.cache import CachedFile, writing_to
from siammask_ros.weights_cache.download import (
    PATIENT,
    OnProgress,
    Patience,
    check_address,
    download,
)
from siammask_ros.weights_cache.download_record import Receipt
from siammask_ros.weights_cache.partial_download import Part


def fetch(
    file: CachedFile,
    address: str = "",
    on_progress: OnProgress = lambda size_bytes, total_bytes: None,
    patience: Patience = PATIENT,
) -> Receipt:
    """Downloads weights into the cache, unless they are there and intact; what is remembered.

    ``address`` is a mirror; empty takes the one their makers give. The file appears only when it
    is complete, can be read as weights and, if it was ever fetched before, has the same SHA-256
    as then. Raises CheckpointError and ConfigError, see ``download``; the cache then holds what it
    held before, and perhaps a part to go on from.
    """
    address = address or file.weights.address
    check_address(address)
    remembered = Receipt.read(file.receipt_path)
    if remembered and file.is_intact():
        return remembered
    with file.locked():
        part = Part(file.part_path, address)
        download(address, part, on_progress, patience)
        receipt = _checked(part, address)
        if remembered:
            _refuse_another(file, part, remembered, receipt)
        with writing_to(file.folder):
            file.keep(receipt)
        part.forget_origin()
    return remembered or receipt


def _checked(part: Part, address: str) -> Receipt:
    """The receipt of what came; raises CheckpointError, and drops it, if it holds no weights."""
    try:
        checkpoint = read_checkpoint(part.path)
    except CheckpointError as error:
        part.drop()
        raise CheckpointError(f"{address} gave no weights, nothing was kept: {error}") from error
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Receipt(address, now, part.size_bytes, checkpoint.sha256)


def _refuse_another(file: CachedFile, part: Part, remembered: Receipt, came: Receipt) -> None:
    if came.sha256 == remembered.sha256:
        return
    part.drop()
    raise CheckpointError(
        f"{came.address} gave a file with SHA-256 {came.sha256}; expected {remembered.sha256}, as "
        f"fetched from {remembered.address} at {remembered.fetched_at}. If the new file is the one "
        f"you want, remove {file.receipt_path} and fetch again"
    )
