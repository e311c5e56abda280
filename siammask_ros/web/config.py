"""Settings of the dashboard: who may open it, how much it shows, and what it may write."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from siammask_ros.errors import ConfigError
from siammask_ros.settings import check, number, text


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Where the page is served, to whom, how often, and where recordings go.

    The token itself is no setting: whoever lists a node's parameters could read it.
    """

    address: str = text("127.0.0.1", "Address to serve on; any but loopback needs a token")
    port: int = number(8088, "Port to serve on; 0: a free one", 0, 65535)
    token_file: str = text(
        "", "File that holds the token, readable by nobody else; empty: none is asked for"
    )
    origins: str = text(
        "", "More names of this page, comma separated, such as http://robot.local:8088"
    )
    max_clients: int = number(8, "Pages that may be open at the same time", 1, 64)
    stream_rate_hz: float = number(30.0, "Images sent to a page per second, at most", 1.0, 120.0)
    jpeg_quality: int = number(80, "JPEG quality of the images", 20, 100)
    stream_max_side: int = number(
        1280, "Larger images are scaled down to this side for the page (px)", 160, 8192
    )
    stall_timeout_s: float = number(
        10.0, "A page that takes no picture for this long is closed", 0.5, 600.0
    )
    record_folder: str = text("", "Existing folder for recordings; empty: nothing is recorded")
    record_max_mb: int = number(4096, "A recording ends at this size (MiB)", 1, 1_048_576)

    def __post_init__(self) -> None:
        check(self)
        try:
            ipaddress.ip_address(self.address)
        except ValueError:
            raise ConfigError(
                f"address is {self.address!r}; expected an IP address such as 127.0.0.1 (this "
                "machine only) or 0.0.0.0 (every network it is in)"
            ) from None

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach the page."""
        return ipaddress.ip_address(self.address).is_loopback
