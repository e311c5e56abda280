"""Parameters of the dashboard: access, image stream and recordings."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from siammask_ros.errors import ConfigError
from siammask_ros.settings import check, number, text


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Address, access, image stream and recordings.

    The token itself is not a parameter: everybody who lists a node's parameters could read it.
    """

    address: str = text(
        "127.0.0.1", "Address to serve on; addresses except loopback require a token"
    )
    port: int = number(8088, "Port to serve on; 0: any free port", 0, 65535)
    token_file: str = text("", "File with the token, readable only by its owner; empty: no token")
    origins: str = text(
        "", "Additional URLs of this page, comma separated, such as http://robot.local:8088"
    )
    max_clients: int = number(8, "Maximum number of open pages", 1, 64)
    stream_rate_hz: float = number(30.0, "Images sent to a page per second, at most", 1.0, 120.0)
    jpeg_quality: int = number(80, "JPEG quality of the images", 20, 100)
    stream_max_side: int = number(
        1280, "Larger images are scaled down to this side for the page (px)", 160, 8192
    )
    stall_timeout_s: float = number(
        10.0, "A page that takes no data for this long is closed (s)", 0.5, 600.0
    )
    record_folder: str = text("", "Existing folder for recordings; empty: recording is disabled")
    record_max_mb: int = number(4096, "A recording stops at this size (MiB)", 1, 1_048_576)

    def __post_init__(self) -> None:
        check(self)
        try:
            ipaddress.ip_address(self.address)
        except ValueError:
            raise ConfigError(
                f"address is {self.address!r}; expected an IP address such as 127.0.0.1 (this "
                "machine only) or 0.0.0.0 (all its networks)"
            ) from None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the page."""
        return ipaddress.ip_address(self.address).is_loopback
