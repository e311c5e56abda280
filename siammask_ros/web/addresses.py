"""URLs under which this machine's page can be opened."""

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


def list_page_urls(address: str, port: int) -> list[str]:
    """Return the page's URLs: first for this machine, then for other machines.

    ``address`` is the address that the server listens on; 0.0.0.0 and :: are not URLs themselves.
    """
    served = ipaddress.ip_address(address)
    if not served.is_unspecified:
        return [_format_url(str(served), port)]
    if served.version == 4:
        return [_format_url(each, port) for each in ("127.0.0.1", *_list_ipv4_addresses())]
    return [_format_url(each, port) for each in ("::1", *_list_ipv6_addresses())]


def _format_url(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}/"


def _list_ipv4_addresses() -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:_NAME_BYTES])
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, request)
            except OSError:
                continue  # An interface without an IPv4 address.
            address = ipaddress.ip_address(answer[20:24])
            if not address.is_loopback:
                yield str(address)


def _list_ipv6_addresses() -> Iterator[str]:
    """Yield addresses except link-local ones: browsers do not accept a zone."""
    try:
        lines = _IPV6_TABLE.read_text(encoding="ascii").splitlines()
    except OSError:
        return
    for line in lines:
        address = ipaddress.ip_address(bytes.fromhex(line.split()[0]))
        if not (address.is_loopback or address.is_link_local):
            yield str(address)
