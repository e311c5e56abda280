"""The nodes. Importing one configures malloc first: later it is too late (decision 51)."""

from siammask_ros.ros.runtime.malloc import configure_malloc

configure_malloc()
