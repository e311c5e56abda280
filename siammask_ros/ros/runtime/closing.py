"""What a node has opened, closed with it."""

from __future__ import annotations

import contextlib
from typing import Any


class ClosingNode:
    """Node mix-in: ``closing`` holds the resources that destroy_node closes before the node.

    It is there before rclpy's constructor runs: from Kilted on, rclpy's context destroys every
    node at shutdown, also one whose constructor raised. Code that opens a resource registers at
    once how to close it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.closing = contextlib.ExitStack()
        super().__init__(*args, **kwargs)

    def destroy_node(self) -> None:
        """Close what was opened, the newest first, then the node; a second call does nothing."""
        self.closing.close()
        super().destroy_node()  # type: ignore[misc]
