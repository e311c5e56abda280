"""Settings of a session."""

from __future__ import annotations

from dataclasses import dataclass

from siammask_ros.settings import check, number

# Frames in a row that may fail until the health says ERROR.
ERRORS_IN_A_ROW = 10

# The same for frames that failed for want of memory, each after a second try.
MEMORY_ERRORS_IN_A_ROW = 3

# So many frames in a row of another size or another time are a new stream; fewer are faults.
CONFIRMING_FRAMES = 3

# A box on an older frame is caught up in at most this many steps, evenly spaced in time.
CATCH_UP_STEPS = 10

# A detector's box at which a lost target was not is left out for so long.
RETRY_CANDIDATE_S = 1.0

# How often a session looks whether a box has waited too long for its frame.
EXPIRY_PERIOD_S = 0.2

# One message of a detector's boxes; more is no detector's answer to one picture.
MOST_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """How many targets, how much is kept, and when silence becomes an error."""

    max_targets: int = number(8, "Targets followed at the same time", 1, 64)
    frame_timeout_s: float = number(
        1.0, "Without a new image for this long, targets are STALE", 0.05, 3600.0
    )
    inference_timeout_s: float = number(
        3.0, "An inference that runs longer is reported as hanging", 0.1, 600.0
    )
    stamp_jump_s: float = number(
        1.0, "Images whose stamps are this much before the last ones are a new stream", 0.0, 3600.0
    )
    gap_s: float = number(
        10.0, "After no image for this long, targets are LOST: it may be another scene", 0.05, 86400
    )
    search_s: float = number(
        30.0,
        "A lost target is searched for so long after it was last seen (s); 0: never",
        0.0,
        86400.0,
    )
    history_s: float = number(
        1.0,
        "How long frames are kept for a box that was drawn on one of them; a detector's boxes may "
        "be as old",
        0.0,
        10.0,
    )
    history_mb: int = number(256, "Memory that the kept frames may take (MiB)", 1, 4096)

    def __post_init__(self) -> None:
        check(self)
