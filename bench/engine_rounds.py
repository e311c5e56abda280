"""Opens and lets go of the shipped network, round by round; prints resident MB after each."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import numpy as np
from support.engine_inputs import crops

from siammask_ros.engines.base import Engine
from siammask_ros.engines.registry import EngineConfig, open_engine


def run_frame(engine: Engine, items: int) -> None:
    """A frame with so many targets, their templates included."""
    cells = np.full(items, 12)
    response = engine.search(engine.template(crops(items, 127)), crops(items, 255))
    engine.refine(response, cells, cells)


def resident_mb() -> float:
    """Memory that this process has in RAM."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(engine: str, rounds: int) -> None:
    """Prints a line for each round."""
    for _ in range(rounds):
        run_frame(open_engine(EngineConfig(engine=engine, device="cpu")), 4)
        gc.collect()
        print(resident_mb(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
