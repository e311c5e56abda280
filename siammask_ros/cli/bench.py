"""``siammask bench``: how fast every engine follows targets on this machine, and how well."""

from __future__ import annotations

import argparse
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siammask_ros.cli.options import print_written
from siammask_ros.errors import EngineError

if TYPE_CHECKING:
    from siammask_ros.cli.bench_entries import EntryBuilder
    from siammask_ros.evaluation.speed.measures import Benchmark
    from siammask_ros.evaluation.speed.run import Plan

_FULL = {"targets": (1, 2, 4, 8), "sizes": ("480p", "720p", "1080p", "4k")}
_QUICK = {"targets": (1, 8), "sizes": ("480p", "4k")}


def add_to(commands: Any) -> None:
    """Adds this command to the command line."""
    bench = commands.add_parser("bench", help="measure how fast every engine is on this machine")
    bench.add_argument("--quick", action="store_true", help="under 3 minutes; no accuracy")
    what = bench.add_argument_group("what is measured; by default, all there is")
    what.add_argument("--models", type=_names, metavar="A,B", help="default: resnet50,lite")
    what.add_argument("--engines", type=_names, metavar="A,B", help="eager, openvino, …")
    what.add_argument("--precisions", type=_names, metavar="A,B", help="fp32, bf16, …")
    what.add_argument("--targets", type=_counts, metavar="N,M", help="default: 1,2,4,8")
    what.add_argument("--sizes", type=_names, metavar="A,B", help="default: 480p,720p,1080p,4k")
    what.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    what.add_argument("--threads", type=int, default=0, help="0: as many as are useful")
    what.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        metavar="MODEL=FILE",
        help="weights of a model; by default those shipped or fetched, else random ones",
    )
    out = bench.add_argument_group("results")
    out.add_argument("--out", type=Path, default=Path("out/bench"), help="where they go")
    out.add_argument("--markdown", type=Path, metavar="PAGE", help="write a page on them, too")
    out.add_argument(
        "--from",
        dest="earlier",
        type=Path,
        nargs="+",
        metavar="JSON",
        help="measure nothing; show these earlier results and make the page from them",
    )
    bench.set_defaults(run=_run)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in _names(text))
    if not counts or min(counts) < 1:
        raise ValueError(text)
    return counts


def _run(options: argparse.Namespace) -> int:
    from siammask_ros.evaluation.speed import report

    if options.earlier:
        benchmarks = [report.read_benchmark(path) for path in options.earlier]
        files = []
    else:
        benchmarks = [_measure(options)]
        files = report.write_benchmark(options.out, benchmarks[0])
    if options.markdown:
        files += report.write_page(options.markdown, benchmarks, _command(options))
    print("\n\n".join(report.as_text(benchmark) for benchmark in benchmarks))
    print_written(files)
    return 0


def _command(options: argparse.Namespace) -> str:
    """What made the page, without what only this machine knows."""
    earlier = f" --from {shlex.join(map(str, options.earlier))}" if options.earlier else ""
    return f"siammask bench{earlier} --markdown {options.markdown}"


def _measure(options: argparse.Namespace) -> Benchmark:
    from tqdm import tqdm

    from siammask_ros.cli.bench_entries import EntryBuilder
    from siammask_ros.cli.machine import machine
    from siammask_ros.evaluation.speed.measures import Benchmark
    from siammask_ros.evaluation.speed.run import run

    with tempfile.TemporaryDirectory(prefix="siammask_bench_") as folder:
        about = machine(options.device)
        builder = EntryBuilder(options, Path(folder))
        # Not only when their turn comes, minutes later.
        builder.check_given()
        plan = _plan(options, builder, folder)
        entries = builder.all()
        with tqdm(total=len(entries), disable=None, bar_format="{l_bar}{bar}| {elapsed}") as bar:

            def on_progress(name: str, share: float) -> None:
                bar.set_description(name)
                bar.update(share)

            results = run(plan, entries, builder.reference(), on_progress)
    if not any(result.cells for result in results):
        why = results[0].failure if results else "no engine was chosen"
        raise EngineError(f"nothing could be measured: {why}")
    # They were run in the order of importance, and are shown model by model.
    results.sort(key=lambda result: builder.models.index(result.model))
    return Benchmark(about, _how(plan, options), tuple(results))


def _plan(options: argparse.Namespace, entries: EntryBuilder, folder: str) -> Plan:
    from siammask_ros.evaluation.benchmarks.davis.sequences import davis_sequences
    from siammask_ros.evaluation.speed.run import Plan
    from siammask_ros.evaluation.speed.scene import parse_size

    default = _QUICK if options.quick else _FULL
    what: Any = {name: getattr(options, name) or value for name, value in default.items()}
    for size in what["sizes"]:
        parse_size(size)
    if options.quick:
        return Plan(
            **what,
            rounds=3,
            cell_s=1.2,
            least_steps=3,
            reference_s=0.3,
            patience_s=40.0,
            deadline_s=160.0,
        )
    root = entries.davis_root
    names = [sequence.name for sequence in davis_sequences(root, 2016)] if root else []
    return Plan(**what, davis_root=str(root), sequences=tuple(names), masks_folder=folder)


def _how(plan: Plan, options: argparse.Namespace) -> dict[str, str]:
    """What a reader of the numbers has to know of how they were measured."""
    from siammask_ros.evaluation.speed.host import host_cost
    from siammask_ros.evaluation.speed.scene import SIDE_PX
    from siammask_ros.model.variants import get_variant
    from siammask_ros.tracker.config import find_preset

    if plan.sequences:
        accuracy = f"mean J over {', '.join(plan.sequences)}"
    else:
        reason = "--quick" if options.quick else "no eval/davis2016 in $SIAMMASK_DATA"
        accuracy = f"not measured: {reason}"
    measured = (
        f"the tracker's whole step, without decoding and transport, {plan.rounds} rounds in turns "
        f"with the reference path, {plan.cell_s:g} s a row{' (--quick)' if options.quick else ''}"
    )
    return {
        "measured": measured,
        "host": str(host_cost(get_variant("lite"), find_preset("lite"))),
        "targets": f"{SIDE_PX} px wide in images of any size, surely tracked, moving slowly",
        "accuracy": accuracy,
    }
