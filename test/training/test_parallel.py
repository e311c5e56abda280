"""Several workers train as one: same weights in each, every pair seen once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support.small_data import write_davis

from siammask_ros.errors import ConfigError
from siammask_ros.training.parallel import Workers

TRAIN = """
import sys, torch
from siammask_ros.training.config import TrainingConfig
from siammask_ros.training.loop import Training
from siammask_ros.training.sources import Source

out = sys.argv[1]
config = TrainingConfig(
    out=out, sources=(Source("davis"),), steps=2, batch=4, workers=0, validation_pairs=2
)
training = Training(config, resume=False)
if "overflow" in sys.argv:
    training.scaler = torch.amp.GradScaler("cpu")
    if training.workers.rank == 1:
        # In the first step only, as half precision would.
        last = [*training.network.parameters()][-1]
        last.register_hook(lambda grad: grad * (torch.inf if training.step == 0 else 1))
before = [parameter.detach().clone() for parameter in training.network.parameters()]
training.run()
moved = [
    not torch.equal(old, new)
    for old, new in zip(before, training.network.parameters(), strict=True)
]
print("moved", sum(moved), "scale", training.scaler.get_scale())
torch.save(training.network.state_dict(), f"{out}/rank{training.workers.rank}.pt")
"""


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_pair_is_seen_by_one_worker_in_the_step_where_it_belongs(count: int) -> None:
    shares = [Workers(rank, count).pair_numbers(12, 36, batch=6) for rank in range(count)]
    each = 6 // count
    for step in range(4):
        together = [n for share in shares for n in share[step * each : (step + 1) * each]]
        assert sorted(together) == list(range(12 + 6 * step, 18 + 6 * step))


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch is 5; expected a multiple of the 2 workers"):
        Workers(0, 2).pair_numbers(0, 10, batch=5)


def test_alone_nothing_is_averaged() -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    Workers().average_gradients([parameter])
    assert parameter.grad is None
    assert Workers().average(torch.tensor(3.0)) == 3
    assert Workers.join() == Workers()


def weights_of_two_workers(
    tmp_path: Path, *arguments: str
) -> tuple[list[dict[str, torch.Tensor]], list[str]]:
    """What two processes that train together end with, and the last line that each of them said."""
    write_davis(tmp_path, "ball")
    write_davis(tmp_path, "other", frames=4)
    out = tmp_path / "out"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN, str(out), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "SIAMMASK_DATA": str(tmp_path),
                "OMP_NUM_THREADS": "1",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
            },
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=300)[0].decode() for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], said
    weights = [torch.load(out / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    return weights, [words.splitlines()[-1] for words in said]


def assert_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    for name, tensor in first.items():
        if "running" not in name:
            assert torch.equal(tensor, second[name]), name


def test_two_processes_end_with_the_same_weights_and_one_log(tmp_path: Path) -> None:
    weights, _ = weights_of_two_workers(tmp_path)
    assert_same(*weights)
    log = (tmp_path / "out" / "log.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in log] == ["step", "1", "2"]


def test_a_step_in_which_one_worker_overflows_is_left_out_by_all(tmp_path: Path) -> None:
    weights, said = weights_of_two_workers(tmp_path, "overflow")
    assert_same(*weights)
    for tensors in weights:
        assert all(tensor.isfinite().all() for tensor in tensors.values())
    for words in said:
        _, moved, _, scale = words.split()
        assert int(moved), "the second step was taken"
        assert float(scale) == 2.0**15, "once halved"
