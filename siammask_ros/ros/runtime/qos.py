"""QoS profiles of the topics."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# Only the newest image: a deeper queue makes the results older. Best effort is compatible with
# every camera; a reliable subscription receives nothing from a best-effort publisher.
CAMERA = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

# Reliable is compatible with all subscribers. Depth 1: a slow subscriber gets the newest image.
IMAGES = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

# Compatible with all subscribers, also with RViz, which is reliable by default.
PLAYBACK = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)

# Robot commands and tracks: never act on an older message when a newer one exists.
CONTROL = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

RESULTS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)

# As in tf2's broadcasters.
TRANSFORMS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)

# For displays: no publisher ever waits for this subscriber.
MONITORING = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)

COMMANDS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)

# The default of ROS 2 keeps ten requests. Of more that come at once, the middleware drops some, and
# their clients wait for ever.
SERVICES = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE
)
