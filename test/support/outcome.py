"""What a fetch may leave behind: the whole file, or nothing."""

from __future__ import annotations

from siammask_ros.model.checkpoint import read_checkpoint
from siammask_ros.weights_cache.cache import CachedFile


def assert_fetched(file: CachedFile, content: bytes) -> None:
    assert file.verify().read_bytes() == content
    assert file.state() == "fetched"
    assert set(read_checkpoint(file.path).tensors) == {"conv.weight", "conv.bias"}
    left = {path.name for path in file.folder.iterdir()}
    assert left == {"SiamMask_DAVIS.pth", "SiamMask_DAVIS.pth.json", "SiamMask_DAVIS.pth.lock"}


def assert_nothing_kept(file: CachedFile) -> None:
    assert not file.path.exists()
    assert not file.partial_path.exists()
    assert file.state() == "not fetched"
