"""Rows F5, C10 and G6 in short: nothing grows, and the long run of bench/soak.py would see it."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from support.session_bench import SessionBench, assert_on_square, stamp_of

from bench import soak
from siammask_ros.session import SessionConfig

MB = 2**20
ROUNDS = 10
ROOT = Path(__file__).resolve().parents[2]


def samples(memory_mb: float = 0.0, threads: float = 0.0, descriptors: float = 0.0) -> list[object]:
    """100,000 frames in which so much is added every 10,000 frames."""
    return [
        soak.Sample(
            frames=10_000 * n,
            seconds=100.0 * n,
            memory_mb=300 + memory_mb * n,
            threads=int(20 + threads * n),
            descriptors=int(20 + descriptors * n),
        )
        for n in range(1, 11)
    ]


@pytest.mark.parametrize(
    ("growth", "grows"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"memory_mb": 0.9}, False, id="less-than-promised"),
        pytest.param({"memory_mb": 1.1}, True, id="memory"),
        pytest.param({"memory_mb": -1.1}, False, id="less-memory"),
        pytest.param({"threads": 0.5}, True, id="threads"),
        pytest.param({"descriptors": 0.5}, True, id="descriptors"),
    ],
)
def test_f5_what_grows_is_found(growth: dict[str, float], grows: bool) -> None:
    assert soak.judged(samples(**growth), 7, "fake")["grows"] is grows


def test_f5_the_nodes_process_keeps_its_threads_and_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "SAMPLES", 20)
    soak.main(["--frames", "140", "--frames-per-round", "61", "--out", str(tmp_path)])
    report = json.loads((tmp_path / "soak.json").read_text())
    assert report["frames"] == 140
    assert report["lifecycle_rounds"] == 2
    assert report["more_threads"] <= 0
    assert report["more_descriptors"] <= 0
    assert (tmp_path / "soak.png").stat().st_size > 1000


def test_f5_a_session_with_targets_that_come_and_go_keeps_nothing() -> None:
    # How many frames a second of history holds depends on the machine: only the newest is kept.
    with SessionBench(config=SessionConfig(history_s=0.0)) as bench:
        tracemalloc.start()
        try:
            _come_and_go(bench, 0, 40)
            before = _allocated()
            _come_and_go(bench, 40, 140)
            growth_mb = (_allocated() - before) / MB
        finally:
            tracemalloc.stop()
        # A single picture kept is 0.22 MB; the window of answer times fills meanwhile.
        assert growth_mb < 0.15
        bench.answer(1, stamp_of(141))
        bench.start(1, "1")
        assert_on_square(bench.answer(2, stamp_of(142)), 2)


def test_c10_g6_rounds_of_a_node_with_the_shipped_network_keep_nothing() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "node_rounds.py"), str(ROUNDS)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # The node's log goes to standard output as well.
    lines = [line for line in done.stdout.splitlines() if re.fullmatch(r"[\d. ]+", line)]
    memory_mb, threads, descriptors = np.array([line.split() for line in lines], float).T
    assert len(memory_mb) == ROUNDS
    # The first rounds load libraries. Measured: 0.5 MB more in 20 rounds.
    assert memory_mb[-1] - memory_mb[4] < 3, memory_mb
    assert threads[-1] <= threads[4]
    assert descriptors[-1] <= descriptors[4]


def _come_and_go(bench: SessionBench, first: int, last: int) -> None:
    for index in range(first, last):
        bench.answer(index % 12, stamp_of(index))
        bench.results.clear()
        if index % 7 == 0:
            bench.start(index % 12, str(index % 3))
        if index % 11 == 0:
            bench.session.forget(str(index % 3))


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
