"""Small weights to serve, and a cache in which nothing else lies."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
import torch

from siammask_ros.weights_cache.cache import CachedFile
from siammask_ros.weights_cache.catalogue import find_weights
from siammask_ros.weights_cache.download import RetryPolicy

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
CACHES = ("SIAMMASK_CACHE", "XDG_CACHE_HOME")


def weights_bytes(seed: int = 0) -> bytes:
    """A file that torch wrote: a dictionary with two tensors."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        "conv.weight": torch.rand(64, 32, 3, 3, generator=generator),
        "conv.bias": torch.zeros(64),
    }
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def content() -> bytes:
    return weights_bytes()


@pytest.fixture(scope="session")
def other_content() -> bytes:
    """Other weights in a file of the same size."""
    other = weights_bytes(1)
    assert len(other) == len(weights_bytes())
    assert other != weights_bytes()
    return other


@pytest.fixture
def retry_policy() -> RetryPolicy:
    """None to speak of: a test does not wait."""
    return RetryPolicy(timeout_s=5.0, tries=3, pause_s=0.001)


@pytest.fixture
def davis(tmp_path: Path) -> CachedFile:
    return CachedFile(find_weights("davis"), tmp_path / "cache")


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """No proxy and no cache of whoever runs the tests."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in CACHES:
        monkeypatch.delenv(name, raising=False)
    caplog.set_level(logging.WARNING)
