"""What an engine holds is freed with it (C10), and an abandoned one is not used again (C11)."""

from __future__ import annotations

import gc
import importlib.util
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines.test_engines import ENGINES, openvino_engine
from support.engine_inputs import LITE, crops

from bench.engine_rounds import run_frame
from siammask_ros.engines.base import Engine
from siammask_ros.errors import EngineError

ROOT = Path(__file__).parents[2]
ROUNDS = 6
# A round that is not freed keeps more than twice as much.
MOST_GROWTH_MB = 30.0


def test_c10_nothing_of_openvino_lives_on_once_the_engine_is_let_go() -> None:
    engine: Any = openvino_engine(LITE)
    for items in (1, 3):
        run_frame(engine, items)
    parts = [engine, engine._templates, engine._searches, engine._masks]
    alive = [weakref.ref(part) for part in parts]
    alive += [weakref.ref(queue) for part in parts[1:] for queue in part._several.values()]
    assert len(alive) == 6
    del engine, parts
    gc.collect()
    assert [reference() for reference in alive] == [None] * 6


@pytest.mark.parametrize("engine", ["openvino", "eager"])
def test_c10_memory_stays_flat_over_rounds_of_opening_and_letting_go(engine: str) -> None:
    if importlib.util.find_spec("openvino" if engine == "openvino" else "torch") is None:
        pytest.skip(f"{engine} is not installed")
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "engine_rounds.py"), engine, str(ROUNDS)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'test'}"},
    )
    assert done.returncode == 0, done.stderr
    resident_mb = [float(line) for line in done.stdout.split()]
    assert len(resident_mb) == ROUNDS
    # The first rounds load libraries and fill the allocator's lists.
    assert resident_mb[-1] - resident_mb[2] < MOST_GROWTH_MB, resident_mb


@pytest.mark.parametrize("name", ENGINES)
def test_c11_an_abandoned_engine_refuses_every_call_and_another_one_works(name: str) -> None:
    engine: Engine = ENGINES[name](LITE)
    templates = engine.template(crops(1, 127))
    response = engine.search(templates, crops(1, 255))
    engine.abandon()
    for call in (
        lambda: engine.template(crops(1, 127)),
        lambda: engine.search(templates, crops(1, 255)),
        lambda: engine.refine(response, *[np.array([12])] * 2),
    ):
        with pytest.raises(EngineError, match=r"was abandoned .* open another"):
            call()
    run_frame(ENGINES[name](LITE), 1)
