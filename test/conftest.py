"""Settings of every test: ROS 2 on this machine only, and with its messages' fields checked."""

import os
import tempfile
from pathlib import Path

import hypothesis
from support.domains import free_domains

import siammask_ros  # noqa: F401  switches OpenVINO's telemetry off, before any test imports it

ROOT = Path(__file__).resolve().parent.parent

# Fixed before anything imports rclpy. Each run of the tests has a domain of its own, above those
# that the demo takes; node_bench has 161 to 231.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["ROS_DOMAIN_ID"] = str(next(free_domains(range(101, 161))))
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
    os.environ[name] = str(ROOT / "config" / "fastdds.xml")
# Threads that wait by spinning take the cores from each other when anything else runs here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Whatever this user has made and measured must not change what is tested.
os.environ["SIAMMASK_CACHE"] = tempfile.mkdtemp(prefix="siammask_cache_")
os.environ.setdefault("ROS_LOG_DIR", tempfile.mkdtemp(prefix="siammask_ros_log_"))

# How long an example takes tells how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
