"""Session parameters and constants."""

from __future__ import annotations

from dataclasses import dataclass

from siammask_ros.settings import check, number

# Health becomes ERROR after this many consecutive failed frames.
ERRORS_IN_A_ROW = 10

# The same for frames that failed with out of memory, after the retry.
MEMORY_ERRORS_IN_A_ROW = 3

# This many consecutive frames with another size or time start a new stream; fewer are faults.
CONFIRMING_FRAMES = 3

# A target started on an older frame is tracked to the newest in at most this many steps.
CATCH_UP_STEPS = 10

# A rejected candidate is not checked again for this long.
RETRY_CANDIDATE_S = 1.0

# How often a session checks whether a box has waited too long for its frame.
EXPIRY_PERIOD_S = 0.2

# Maximum number of boxes in one detector message.
MAX_CANDIDATES = 100


# A box waits for its frame at least this long.
MIN_WAIT_FOR_FRAME_S = 1.0


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Limits, timeouts and memory of a session."""

    max_targets: int = number(8, "Maximum number of targets", 1, 64)
    frame_timeout_s: float = number(
        1.0, "Targets become STALE after this time without a new image (s)", 0.05, 3600.0
    )
    inference_timeout_s: float = number(
        3.0, "A longer inference is reported as hanging (s)", 0.1, 600.0
    )
    stamp_jump_s: float = number(
        1.0, "Stamps that jump back by more than this start a new stream (s)", 0.0, 3600.0
    )
    gap_s: float = number(
        10.0, "After this time without an image, all targets become LOST (s)", 0.05, 86400
    )
    search_s: float = number(
        30.0,
        "A lost target is searched for this long after it was last seen (s); 0: never",
        0.0,
        86400.0,
    )
    history_s: float = number(
        1.0,
        "Frames are kept this long for boxes drawn on them; detector boxes may be this old (s)",
        0.0,
        10.0,
    )
    history_mb: int = number(256, "Maximum memory of the kept frames (MiB)", 1, 4096)

    def __post_init__(self) -> None:
        check(self)

    @property
    def early_box_wait_s(self) -> float:
        """How long a box waits for its frame."""
        return max(self.history_s, MIN_WAIT_FOR_FRAME_S)

    @property
    def start_timeout_s(self) -> float:
        """After this time a box has been applied or refused, unless an inference hangs."""
        return self.early_box_wait_s + self.inference_timeout_s + 1.0
