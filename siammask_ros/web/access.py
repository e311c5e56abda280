"""Who may see the page and steer through it: names, origins, the token and its sessions."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import stat
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path

from siammask_ros.errors import ConfigError
from siammask_ros.web.config import WebConfig

MIN_TOKEN_LENGTH = 16
MAX_SESSIONS = 64
SESSION_S = 12 * 3600.0
# Wrong tokens in so many seconds; after them nobody is let in for as long.
MAX_FAILURES = 5
MAX_FAILED_ADDRESSES = 1024
FAILURE_WINDOW_S = 10.0
TOKEN_VARIABLE = "SIAMMASK_WEB_TOKEN"  # noqa: S105 a name, not a secret


def read_token(config: WebConfig) -> str:
    """The token of the file, else of the environment variable, else nothing.

    Raises ConfigError where the file cannot be read, others may read it, the token is too short,
    or where there is none and the address can be reached from outside.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    if config.token_file:
        token = _token_in(Path(config.token_file).expanduser())
    if token and len(token) < MIN_TOKEN_LENGTH:
        raise ConfigError(
            f"the token has {len(token)} characters; expected at least {MIN_TOKEN_LENGTH}, such "
            "as `openssl rand -hex 16` prints"
        )
    if not token and not config.is_loopback:
        raise ConfigError(
            f"address {config.address} can be reached from other machines, so a token is needed: "
            "umask 077; openssl rand -hex 16 > FILE, and give it as token_file"
        )
    return token


def _token_in(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"token_file {path} cannot be read: {why}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"token_file {path} can be read by others; chmod 600 {path}")
    if not token:
        raise ConfigError(f"token_file {path} is empty; expected a token")
    return token


class Access:
    """Judges requests by value; remembers sessions and wrong tokens, both bounded.

    ``token`` may be empty: then everybody who reaches the page by a name of it is let in.
    """

    def __init__(
        self, token: str, origins: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises ConfigError for an origin that is none."""
        self._digest = _digest(token) if token else b""
        self._origins = frozenset(_origin(part) for part in origins.split(",") if part.strip())
        self._hosts = frozenset(origin.partition("://")[2] for origin in self._origins)
        self._clock = clock
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        self._failures_s: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def asks_for_token(self) -> bool:
        """Whether a token is needed."""
        return bool(self._digest)

    def is_own_host(self, host: str, local: tuple[str, int]) -> bool:
        """Whether a request's Host is a name of this page, reached at this address and port.

        The numeric address that the connection came in on is one. A foreign name that was made to
        point here (DNS rebinding) is not.
        """
        return host in self._hosts or host in _names(local)

    def is_own_origin(self, origin: str, local: tuple[str, int]) -> bool:
        """Whether a page of this origin is ours; exact, and there has to be one."""
        return origin in self._origins or origin in {f"http://{name}" for name in _names(local)}

    def is_throttled(self, peer: str) -> bool:
        """Whether so many wrong tokens came from this address that none of it counts for a while.

        Others are let in meanwhile: nobody can lock them out.
        """
        failures_s = self._failures_s.get(_network(peer))
        if failures_s is None or len(failures_s) < MAX_FAILURES:
            return False
        return self._clock() - failures_s[0] < FAILURE_WINDOW_S

    def session_for(self, token: str, peer: str) -> str | None:
        """A new session's secret for the right token, None for a wrong one; constant time."""
        if not hmac.compare_digest(_digest(token), self._digest or _digest(secrets.token_hex())):
            failures_s = self._failures_s.setdefault(_network(peer), deque(maxlen=MAX_FAILURES))
            failures_s.append(self._clock())
            self._failures_s.move_to_end(_network(peer))
            while len(self._failures_s) > MAX_FAILED_ADDRESSES:
                self._failures_s.popitem(last=False)
            return None
        secret = secrets.token_urlsafe(32)
        self._sessions[_digest(secret)] = self._clock()
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return secret

    def lets_in(self, secret: str | None) -> bool:
        """Whether a request with this session's secret may go on."""
        if not self.asks_for_token:
            return True
        began_s = self._sessions.get(_digest(secret or ""))
        return began_s is not None and self._clock() - began_s < SESSION_S


def _digest(secret: str) -> bytes:
    """What is compared and kept instead of a secret, which may have any length."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def _network(peer: str) -> str:
    """The address that counts as one: of IPv6, which a host has by the billion, the first half."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    if address.version == 4 or mapped:
        return str(mapped or address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _names(local: tuple[str, int]) -> set[str]:
    """What a browser on the way to this address and port calls it; port 80 goes without saying."""
    address = ipaddress.ip_address(local[0].partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    plain = str(mapped or address)
    hosts = {f"[{plain}]" if ":" in plain else plain}
    if (mapped or address).is_loopback:
        hosts.add("localhost")
    names = {f"{host}:{local[1]}" for host in hosts}
    return names | hosts if local[1] == 80 else names


def _origin(text: str) -> str:
    origin = text.strip().rstrip("/")
    scheme, separator, host = origin.partition("://")
    if scheme not in ("http", "https") or not separator or not host or set(host) & set("/@?# "):
        raise ConfigError(
            f"origins holds {text.strip()!r}; expected such as http://robot.local:8088"
        )
    return origin
