"""``python -m siammask_ros.cli``."""

import sys

from siammask_ros.cli import main

if __name__ == "__main__":
    sys.exit(main())
