#!/usr/bin/env bash
# Installs what siammask_ros needs beside ROS 2, and builds the workspace that this checkout is in.
#
#   tools/install_with_ros.sh                  ROS 2 is installed and sourced
#   tools/install_with_ros.sh --dry-run        only print the commands
#   tools/install_with_ros.sh --skip-rosdep    the system packages are already installed
#
# rosdep installs system packages and asks for the sudo password; all else stays in the workspace.
set -euo pipefail

fail() {
  echo "install_with_ros: $1" >&2
  exit 1
}

# Print a command, and run it unless this is a dry run.
run() {
  local line
  printf -v line '%q ' "$@"
  echo "${line% }"
  [ "$dry_run" = yes ] || "$@"
}

check_tools() {
  [ -n "${AMENT_PREFIX_PATH:-}" ] ||
    fail "ROS 2 is not sourced: run \". /opt/ros/jazzy/setup.bash\" (or your distribution's) first"
  local missing=()
  command -v python3 >/dev/null || missing+=(python3)
  [ "$skip_rosdep" = yes ] || command -v rosdep >/dev/null || missing+=(python3-rosdep)
  command -v colcon >/dev/null || missing+=(python3-colcon-common-extensions)
  if command -v python3 >/dev/null && ! python3 -c "import ensurepip" 2>/dev/null; then
    missing+=(python3-venv)
  fi
  [ ${#missing[@]} -eq 0 ] ||
    fail "missing: ${missing[*]}. Install with: sudo apt install ${missing[*]}"
  python3 -c "import rclpy" 2>/dev/null ||
    fail "$(command -v python3) cannot import rclpy: use the Python of ROS 2 (deactivate conda or a virtual environment)"
}

dry_run=no
skip_rosdep=no
for argument in "$@"; do
  case "$argument" in
    --dry-run) dry_run=yes ;;
    --skip-rosdep) skip_rosdep=yes ;;
    *) fail "unknown argument $argument: use --dry-run or --skip-rosdep" ;;
  esac
done

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sources=$(dirname "$checkout")
[ "$(basename "$sources")" = src ] ||
  fail "$checkout is not in src/ of a workspace: move it, for example to ~/ros2_ws/src/siammask_ros"
workspace=$(dirname "$sources")

[ "$dry_run" = yes ] || check_tools

run cd "$workspace"
[ "$skip_rosdep" = yes ] || run rosdep install --from-paths src -y --ignore-src
run python3 -m venv --system-site-packages venv
run touch venv/COLCON_IGNORE
run venv/bin/pip install torch safetensors openvino rosbags av
run colcon build --cmake-args "-DPython3_EXECUTABLE=$workspace/venv/bin/python3"
