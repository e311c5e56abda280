"""SiamMask for ROS 2: tracks and segments the object that a box marks in one camera image."""

import sys
from pkgutil import extend_path

# The generated siammask_ros.msg is installed elsewhere when this is the source tree.
__path__ = extend_path(__path__, __name__)

# OpenVINO and NNCF report every import and conversion to an analytics host, and write an identity
# into the home folder, wherever this package of theirs can be imported. Without it they do neither.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__version__ = "0.2.0"
