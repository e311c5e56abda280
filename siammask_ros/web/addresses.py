"""Where the page can be opened: the addresses of this machine that other machines can reach."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

# Linux: the IPv4 address of a network interface; its IPv6 addresses are in a file.
_SIOCGIFADDR = 0x8915
_IPV6_TABLE = Path("/proc/net/if_inet6")
_NAME_BYTES = 15


def page_urls(address: str, port: int) -> list[str]:
    """The page's addresses as a browser takes them: first for this machine, then for others.

    ``address`` is what the server listens on; 0.0.0.0 and :: cannot be opened themselves.
    """
    served = ipaddress.ip_address(address)
    if not served.is_unspecified:
        return [_url(str(served), port)]
    if served.version == 4:
        return [_url(each, port) for each in ("127.0.0.1", *_ipv4_addresses())]
    return [_url(each, port) for each in ("::1", *_ipv6_addresses())]


def _url(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}/"


def _ipv4_addresses() -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:_NAME_BYTES])
            try:
                answer = fcntl.ioctl(asked, _SIOCGIFADDR, request)
            except OSError:
                continue  # An interface without an IPv4 address.
            address = ipaddress.ip_address(answer[20:24])
            if not address.is_loopback:
                yield str(address)


def _ipv6_addresses() -> Iterator[str]:
    """Without those of one link only: a browser takes no zone."""
    try:
        lines = _IPV6_TABLE.read_text(encoding="ascii").splitlines()
    except OSError:
        return
    for line in lines:
        address = ipaddress.ip_address(bytes.fromhex(line.split()[0]))
        if not (address.is_loopback or address.is_link_local):
            yield str(address)
