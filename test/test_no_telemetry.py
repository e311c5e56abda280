"""Nothing that we start contacts a host that it was not told to, or writes into the home folder."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.moving_square import picture, square_box

from siammask_ros.media.recording import VideoRecorder

ROOT = Path(__file__).resolve().parent.parent
SETUP_ENV = ROOT / "tools" / "setup_env.py"

# Every Python process that finds this on its path writes down whom it looks up and connects to.
WITNESS = """
import os, sys

def note(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    if host not in (None, "", b"", "localhost", "127.0.0.1", "::1"):
        with open(os.environ["WITNESS_LOG"], "a") as log:
            log.write(f"{event} {host}\\n")

sys.addaudithook(note)
"""


class Witness:
    """Runs Python with an empty home folder and counts its outgoing connections."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self._log = folder / "contacts.txt"
        site = folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(WITNESS)
        self._environment = {
            # What a continuous integration sets would switch a part of the telemetry off.
            **{name: value for name, value in os.environ.items() if name != "CI"},
            "HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
            "SIAMMASK_CACHE": str(folder / "cache"),
            "WITNESS_LOG": str(self._log),
        }

    def run(self, *arguments: str) -> list[str]:
        """What ``python ARGUMENTS`` and its children looked up and connected to."""
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, env=self._environment, cwd=self.home.parent, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path)


def test_the_witness_sees_a_contact(witness: Witness) -> None:
    code = "import socket, contextlib\nwith contextlib.suppress(OSError):\n"
    code += "    socket.create_connection(('telemetry.invalid', 443), 1)"
    assert witness.run("-c", code) == ["socket.getaddrinfo telemetry.invalid"]


@pytest.mark.parametrize("module", ["openvino_rt", "nncf_int8"])
def test_importing_an_engine_contacts_nobody(module: str, witness: Witness) -> None:
    pytest.importorskip({"openvino_rt": "openvino", "nncf_int8": "nncf"}[module])
    assert witness.run("-c", f"import siammask_ros.engines.{module}") == []
    assert not (witness.home / "intel").exists()


def test_tracking_on_a_cold_cache_contacts_nobody(tmp_path: Path, witness: Witness) -> None:
    pytest.importorskip("openvino")
    video = tmp_path / "square.avi"
    with VideoRecorder(video, 25, (240, 320)) as recorder:
        for index in range(2):
            recorder.write(picture(index))
    box = ",".join(str(value) for value in square_box(0).bounding_xywh)
    command = ["track", str(video), "--box", box, "--engine", "openvino", "--out", "out.avi"]
    assert witness.run("-m", "siammask_ros.cli", *command) == []
    assert not (witness.home / "intel").exists()


def test_the_check_of_the_set_up_contacts_nobody(witness: Witness) -> None:
    pytest.importorskip("rclpy")
    pytest.importorskip("mypy")
    spec = importlib.util.spec_from_file_location("setup_env", SETUP_ENV)
    assert spec and spec.loader
    setup_env = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup_env)
    assert witness.run("-c", setup_env.VERIFY) == []
    assert not (witness.home / "intel").exists()


def test_the_tests_themselves_cannot_send_any() -> None:
    assert sys.modules["openvino_telemetry"] is None
