"""How fast a GPU trains: steps on a small data set that is drawn here. Run by bench/gpu.sh."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "test")]

from support.small_data import write_davis  # noqa: E402

from siammask_ros.model.weights_file import SHIPPED  # noqa: E402
from siammask_ros.training.config import TrainingConfig  # noqa: E402
from siammask_ros.training.sources import Source  # noqa: E402
from siammask_ros.training.speed import measure_training, speed_table  # noqa: E402

# In two forms, so that 200 steps are trained.
STEPS = 100
BATCH = 16


def main() -> None:
    """Print pairs per second and the time of each part, like ``siammask train --measure-speed``."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, default=STEPS)
    options.add_argument("--batch", type=int, default=BATCH)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ball", "another_ball"):
            write_davis(Path(folder), name)
        os.environ["SIAMMASK_DATA"] = folder
        config = TrainingConfig(
            start_from=str(SHIPPED["lite"]), sources=(Source("davis"),), batch=given.batch
        )
        print(speed_table(*measure_training(config, given.steps)))


if __name__ == "__main__":
    main()
