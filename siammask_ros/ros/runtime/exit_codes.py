"""Exit codes of the nodes, for process supervisors."""

import os

# The node could not be created; a restart may help.
EXIT_NOT_STARTED = 1
# The engine is lost; a restart helps.
EXIT_ENGINE_LOST = 4
# A parameter, a parameter file or an argument is invalid; a restart does not help.
EXIT_CONFIGURATION = os.EX_CONFIG
