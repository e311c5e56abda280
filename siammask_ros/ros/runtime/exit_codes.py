"""How the process of a node ends, for whoever starts processes again."""

import os

# The node could not be made, perhaps for now only.
EXIT_NOT_STARTED = 1
# The engine is gone; a new process will have another.
EXIT_ENGINE_LOST = 4
# A parameter, a parameter file or an argument cannot be used; a restart cures nothing.
EXIT_CONFIGURATION = os.EX_CONFIG
