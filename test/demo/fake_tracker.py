"""The tracker node as a process of its own, with the engine that needs no weights."""

import sys

from support.fake_engine import FakeEngine

from siammask_ros.ros.nodes.tracker import main

sys.exit(main(open_engine=lambda config: FakeEngine()))
