"""Who may open the page and send commands: host names, origins, token and login sessions."""

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
# After MAX_FAILURES wrong tokens within the window, the address has to wait.
MAX_FAILURES = 5
MAX_FAILED_ADDRESSES = 1024
FAILURE_WINDOW_S = 10.0
TOKEN_VARIABLE = "SIAMMASK_WEB_TOKEN"  # noqa: S105 a name, not a secret


def read_token(config: WebConfig) -> str:
    """Return the token from the file, else from the environment variable, else "".

    Raises ConfigError if the file cannot be read, if other users can read it, if the token is too
    short, or if there is no token and other machines can reach the address.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    if config.token_file:
        token = _read_token_file(Path(config.token_file).expanduser())
    if token and len(token) < MIN_TOKEN_LENGTH:
        raise ConfigError(
            f"the token has {len(token)} characters; expected at least {MIN_TOKEN_LENGTH}, such "
            "as `openssl rand -hex 16` prints"
        )
    if not token and not config.is_loopback:
        raise ConfigError(
            f"address {config.address} can be reached from other machines, so a token is required: "
            "umask 077; openssl rand -hex 16 > FILE, and set token_file to FILE"
        )
    return token


def _read_token_file(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"token_file {path} cannot be read: {why}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"token_file {path} is readable by other users; run chmod 600 {path}")
    if not token:
        raise ConfigError(f"token_file {path} is empty; expected a token")
    return token


class AccessControl:
    """Checks requests; remembers login sessions and wrong tokens, both limited in number.

    With an empty ``token`` everybody who uses a valid host name has access.
    """

    def __init__(
        self, token: str, origins: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Raise ConfigError for an invalid origin."""
        self._digest = _digest(token) if token else b""
        self._origins = frozenset(
            _parse_origin(part) for part in origins.split(",") if part.strip()
        )
        self._hosts = frozenset(origin.partition("://")[2] for origin in self._origins)
        self._clock = clock
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        self._failures_s: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def is_token_required(self) -> bool:
        """Whether a token is required."""
        return bool(self._digest)

    def is_own_host(self, host: str, local: tuple[str, int]) -> bool:
        """Return whether a request's Host header is a name of this page.

        Valid are the address of the connection and the configured origins. A foreign name that
        resolves to this machine (DNS rebinding) is not.
        """
        return host in self._hosts or host in _list_host_names(local)

    def is_own_origin(self, origin: str, local: tuple[str, int]) -> bool:
        """Return whether a request comes from this page itself; a missing origin does not."""
        return origin in self._origins or origin in {
            f"http://{name}" for name in _list_host_names(local)
        }

    def is_throttled(self, peer: str) -> bool:
        """Return whether this address sent too many wrong tokens and has to wait.

        Other addresses are not affected, so they cannot be locked out.
        """
        failures_s = self._failures_s.get(_find_network(peer))
        if failures_s is None or len(failures_s) < MAX_FAILURES:
            return False
        return self._clock() - failures_s[0] < FAILURE_WINDOW_S

    def create_session(self, token: str, peer: str) -> str | None:
        """Return a new session's secret, or None for a wrong token (constant-time comparison)."""
        if not hmac.compare_digest(_digest(token), self._digest or _digest(secrets.token_hex())):
            failures_s = self._failures_s.setdefault(
                _find_network(peer), deque(maxlen=MAX_FAILURES)
            )
            failures_s.append(self._clock())
            self._failures_s.move_to_end(_find_network(peer))
            while len(self._failures_s) > MAX_FAILED_ADDRESSES:
                self._failures_s.popitem(last=False)
            return None
        secret = secrets.token_urlsafe(32)
        self._sessions[_digest(secret)] = self._clock()
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return secret

    def is_allowed(self, secret: str | None) -> bool:
        """Return whether this session secret gives access."""
        if not self.is_token_required:
            return True
        began_s = self._sessions.get(_digest(secret or ""))
        return began_s is not None and self._clock() - began_s < SESSION_S


def _digest(secret: str) -> bytes:
    """Return the hash that is stored and compared instead of the secret."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def _find_network(peer: str) -> str:
    """Return the unit for counting wrong tokens: an IPv4 address, or the /64 network of IPv6."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    if address.version == 4 or mapped:
        return str(mapped or address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _list_host_names(local: tuple[str, int]) -> set[str]:
    """Return the Host values that a browser may send for this address and port."""
    address = ipaddress.ip_address(local[0].partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    plain = str(mapped or address)
    hosts = {f"[{plain}]" if ":" in plain else plain}
    if (mapped or address).is_loopback:
        hosts.add("localhost")
    names = {f"{host}:{local[1]}" for host in hosts}
    return names | hosts if local[1] == 80 else names


def _parse_origin(text: str) -> str:
    origin = text.strip().rstrip("/")
    scheme, separator, host = origin.partition("://")
    if scheme not in ("http", "https") or not separator or not host or set(host) & set("/@?# "):
        raise ConfigError(
            f"origins contains {text.strip()!r}; expected a URL such as http://robot.local:8088"
        )
    return origin
