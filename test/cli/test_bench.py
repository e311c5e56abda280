"""``siammask bench`` as a person uses it, with an engine without a network."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from support.benchmark_numbers import benchmark
from support.runner_openers import open_fake, refuse

from siammask_ros.cli import BAD_INPUT, main
from siammask_ros.cli.bench_entries import EntryBuilder
from siammask_ros.evaluation.speed.report import write_benchmark
from siammask_ros.evaluation.speed.run import BenchmarkEntry

TINY = ["bench", "--quick", "--targets", "1", "--sizes", "480p"]


@pytest.fixture
def fake_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        BenchmarkEntry("lite", "fake", "fp32", open_fake),
        BenchmarkEntry("resnet50", "fake", "fp32", refuse),
    ]
    monkeypatch.setattr(EntryBuilder, "all", lambda self: entries)
    monkeypatch.setattr(EntryBuilder, "reference", lambda self: open_fake)


@pytest.mark.usefixtures("fake_entries")
def test_bench_prints_a_table_and_leaves_json_text_picture_and_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "out", tmp_path / "docs" / "speed.md"
    assert main([*TINY, "--out", str(out), "--markdown", str(page)]) == 0
    words = capsys.readouterr().out
    content = json.loads((out / "bench.json").read_text())
    # Shown in the order of the models, not in that of the measurement.
    assert [result["model"] for result in content["results"]] == ["resnet50", "lite"]
    refused, measured = content["results"]
    assert "not installed" in refused["failure"]
    (cell,) = measured["cells"]
    assert (cell["targets"], cell["size"]) == (1, "480p")
    assert cell["timing"]["steps"] >= 3
    assert cell["frames_per_s"] == pytest.approx(1e3 / cell["timing"]["median_ms"], rel=1e-3)
    assert content["machine"]["device"] in words
    assert "not measured: --quick" in words
    assert "resnet50 fake fp32: not measured: engine fake is not installed" in words
    assert (out / "bench.txt").read_text().strip() in words
    assert cv2.imread(str(out / "bench.png")) is not None
    text = page.read_text()
    assert f"`siammask bench --markdown {page}`" in text
    assert "| lite | fake | fp32 | 1 | 480p |" in text


def test_where_nothing_can_be_measured_nothing_is_left_but_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = BenchmarkEntry("lite", "fake", "fp32", refuse)
    monkeypatch.setattr(EntryBuilder, "all", lambda self: [refused])
    monkeypatch.setattr(EntryBuilder, "reference", lambda self: open_fake)
    assert main([*TINY, "--out", str(tmp_path / "out")]) == BAD_INPUT
    assert "nothing could be measured: engine fake is not installed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_page_is_made_from_earlier_runs_without_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cpu", "gpu"):
        write_benchmark(Path(name), benchmark())
    earlier = ["cpu/bench.json", "gpu/bench.json"]
    assert main(["bench", "--from", *earlier, "--markdown", "docs/speed.md"]) == 0
    assert "openvino" in capsys.readouterr().out
    text = Path("docs/speed.md").read_text()
    assert "`siammask bench --from cpu/bench.json gpu/bench.json --markdown docs/speed.md`" in text
    assert text.count("## A CPU, 2 cores") == 2
    assert not Path("out").exists()


BAD = {
    "size": (["--sizes", "480p,8k"], "size '8k' is unknown"),
    "model": (["--models", "huge"], "model 'huge' is unknown"),
    "engine": (["--engines", "none"], "none cannot be measured here; there are: "),
    "precision": (["--precisions", "fp32,int3"], "int3 cannot be measured here"),
    "device": (["--device", "cuda:99"], "cuda:99 is not there"),
    "checkpoint": (["--checkpoint", "lite"], "expected MODEL=FILE"),
    "earlier": (["--from", "none.json"], "expected a bench.json"),
}


@pytest.mark.parametrize(("options", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_exit_code_2(
    options: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *options]) == BAD_INPUT
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("siammask: ")
    assert words in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("targets", ["0", "1,-2", "two", ","])
def test_no_number_of_targets_is_wrong_usage(
    targets: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["bench", "--targets", targets])
    assert end.value.code == BAD_INPUT
    assert "--targets" in capsys.readouterr().err
