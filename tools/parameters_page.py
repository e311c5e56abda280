"""Writes docs/parameters.md from the dataclasses that the nodes declare their parameters from.

python3 tools/setup_env.py --run python tools/parameters_page.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from siammask_ros.engines.registry import EngineConfig  # noqa: E402
from siammask_ros.following.config import FollowConfig  # noqa: E402
from siammask_ros.ros.dashboard.config import DashboardConfig  # noqa: E402
from siammask_ros.ros.nodes import player as player_node  # noqa: E402
from siammask_ros.ros.nodes.tracker_parameters import NEEDS_RELOAD, START_ONLY, default_tracker  # noqa: E402
from siammask_ros.ros.runtime.node_config import NodeConfig  # noqa: E402
from siammask_ros.session import SessionConfig  # noqa: E402
from siammask_ros.tracker.config import SETTINGS, TrackerConfig  # noqa: E402
from siammask_ros.web.config import WebConfig  # noqa: E402

PAGE = ROOT / "docs" / "parameters.md"

HEAD = """# Parameters

Made by `tools/parameters_page.py` from the settings themselves; `make check` fails where it is \
not up to date. A value of another type or outside its range is refused, and nothing changes.

*next image*: taken up between two images, also while the node is active. *inactive*: refused \
while it is active; taken up by the next activate. *start*: read only, given on the command line \
or in a parameter file. *at once*: in force from the next message or command on.

The files in `config/` are complete sets. How images are delivered is changed at the start, with \
`qos_overrides./image.subscription.reliability`, `.history` and `.depth` (of the topic as it is \
remapped).
"""


def page() -> str:
    """The whole page."""
    sections = [
        HEAD,
        "## The tracker, `siammask_tracker`",
        *(section(config, when) for config in (NodeConfig(), EngineConfig(), SessionConfig())),
        tracker_section(),
        "## The follower, `siammask_follower`",
        section(FollowConfig(), lambda name: "start" if name == "command_type" else "at once"),
        "## The dashboard, `siammask_dashboard`",
        *(section(config, lambda name: "start") for config in (DashboardConfig(), WebConfig())),
        "## The player, `player`",
        player_section(),
    ]
    return "\n\n".join(part.strip() for part in sections) + "\n"


def when(name: str) -> str:
    """When a parameter of the tracker can be changed."""
    if name in START_ONLY:
        return "start"
    return "inactive" if name in NEEDS_RELOAD else "next image"


def section(config: Any, when: Callable[[str], str]) -> str:
    """What a dataclass is about, and a row for each of its fields."""
    head = ("parameter", "type", "default", "values", "changes", "meaning")
    rows = [
        (
            f"`{item.name}`",
            kind(item),
            shown(item.default),
            legal(item),
            when(item.name),
            said(item),
        )
        for item in fields(config)
    ]
    return f"{first_line(config)}\n\n{table(head, rows)}"


def tracker_section() -> str:
    """The tracker's own, whose defaults depend on the network."""
    names = [name for name in SETTINGS if name != "default"]
    rows = [
        (
            f"`{item.name}`",
            kind(item),
            *(shown(getattr(SETTINGS[name], item.name)) for name in names),
            legal(item),
            when(item.name),
            said(item),
        )
        for item in fields(TrackerConfig)
    ]
    head = ("parameter", "type", *(f"`{name}`" for name in names), "values", "changes", "meaning")
    automatic = {
        model: next(name for name in names if SETTINGS[name] == default_tracker("auto", model))
        for model in ("lite", "resnet50")
    }
    chosen = ", ".join(f"`{name}` for `{model}`" for model, name in automatic.items())
    return (
        f"{first_line(TrackerConfig())} Their defaults are those of a set: `settings` names it, "
        f"and `auto` is {chosen}.\n\n{table(head, rows)}"
    )


def player_section() -> str:
    """The player's, which are no dataclass."""
    rows = [
        (f"`{name}`", type_name(default), shown(default), about)
        for name, (default, about) in player_node.PARAMETERS.items()
    ]
    return "All of them are read at the start.\n\n" + table(
        ("parameter", "type", "default", "meaning"), rows
    )


def first_line(config: Any) -> str:
    return str(type(config).__doc__).strip().splitlines()[0]


def said(item: Field[Any]) -> str:
    return str(item.metadata["description"]).replace("|", "\\|")


def kind(item: Field[Any]) -> str:
    return type_name(item.default)


def type_name(value: Any) -> str:
    """A type as `ros2 param describe` calls it."""
    return {bool: "boolean", int: "integer", float: "double", str: "string"}[type(value)]


def shown(value: Any) -> str:
    """A value as it is written in a parameter file."""
    if isinstance(value, str):
        return f"`{value}`" if value else '`""`'
    return f"`{str(value).lower()}`"


def legal(item: Field[Any]) -> str:
    """Which values a field takes."""
    about = item.metadata
    if "low" in about:
        return f"{about['low']:.10g} to {about['high']:.10g}"
    return ", ".join(f"`{choice}`" for choice in about.get("choices", ()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def main() -> int:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
