"""SiamMask for ROS 2: follows what a box on one camera picture shows."""

from pkgutil import extend_path

# The generated siammask_ros.msg is installed elsewhere when this is the source tree.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
