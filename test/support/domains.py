"""ROS domains that nobody on this machine uses: tests that run at the same time must not meet."""

from __future__ import annotations

import itertools
import os
import random
import socket
from collections.abc import Iterator


def free_domains(domains: range) -> Iterator[int]:
    """Yield free domains again and again, in another order in every process."""
    mixed = random.Random(os.getpid()).sample(domains, len(domains))
    return (domain for domain in itertools.cycle(mixed) if is_free(domain))


def is_free(domain: int) -> bool:
    """Whether nobody holds the port that the first participant of a domain takes (RTPS 9.6.1)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        try:
            port.bind(("", 7400 + 250 * domain + 10))
        except OSError:
            return False
    return True
