"""Row D1 for weights with a name: the node says how to get them, and takes them once they came."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from support.file_server import FileServer
from support.node_bench import NodeBench
from support.random_network import random_network

from siammask_ros.engines.registry import open_engine
from siammask_ros.weights_cache.cache import CachedFile
from siammask_ros.weights_cache.fetch import fetch

ERROR = 2


def test_d1_a_node_without_its_weights_says_how_to_fetch_them_and_configures_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIAMMASK_CACHE", str(tmp_path))
    buffer = io.BytesIO()
    torch.save(random_network("resnet50").state_dict(), buffer)
    wanted = {"model": "resnet50", "checkpoint": "davis", "device": "cpu"}
    with NodeBench(active=False, open_engine=open_engine, **wanted) as bench:
        assert all(answer.successful for answer in bench.client.set_parameters(engine="eager"))
        assert not bench.client.change_state("configure")
        bench.client.wait_for_status("inference", ERROR, "run: siammask weights fetch davis")
        with FileServer(buffer.getvalue()) as server:
            record = fetch(CachedFile.from_name("davis"), server.address)
        assert bench.client.change_state("configure")
        info = bench.node._engine.info
        assert (info.checkpoint, info.sha256) == ("davis", record.sha256)
