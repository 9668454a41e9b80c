"""Posts to an outside URL without being lured inside (requirement S10).

A URL in a program file can be mistyped or malicious, and its name can resolve to the cloud's
metadata service or to a database of our own. So the URL is read strictly, its name is resolved
once, every address must be public, and the connection is made to the very address that was checked,
with TLS server name and Host of the original: a name that resolves otherwise a moment later (DNS
rebinding) changes nothing. Redirects are answers like any other, proxies of the environment are not
asked, and the body of an answer is not read at all. What is posted is `webhook.py`.

Sources of the address rules: the IANA special-purpose address registries (RFC 6890), as `ipaddress`
has them, and the exceptions beside each constant below.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

MOST_ADDRESSES: Final = 3
"""Addresses of one name that are tried; a name may have dozens, and a claim lasts a minute."""

_URL = re.compile(r"[!\"$-\[\]-~]{1,2000}")
# Public by the registry's word or by that of an older `ipaddress`, but served inside: protocol
# assignments (CVE-2024-4032; one cloud had its metadata at 192.0.0.192), the retired 6to4 relays
# (RFC 7526), and Azure's host agent (learn.microsoft.com, "What is IP address 168.63.129.16?").
_NOT_OUTSIDE_V4 = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("168.63.129.16/32"),
)
# All that IANA has allocated for global unicast is in here (RFC 4291, 2.4).
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_DOCUMENTATION = IPv6Network("3fff::/20")  # RFC 9637, newer than Python 3.11
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# A last label of these is read as a number by resolvers: 127.1, 0x7f.1 and 2130706433 are addresses
# (WHATWG URL standard, "ends in a number").
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")

Resolver = Callable[[str, int, int, int], Sequence[tuple[Any, ...]]]
"""Called like `socket.getaddrinfo(host, port, family, type)`."""


class Refused(Exception):  # noqa: N818 - an outcome of a post, as the two below are
    """The URL, or where it leads, is not allowed; says why, but never which address was found."""


class NotSent(Exception):  # noqa: N818
    """The other side was not reached: certainly no byte of the request has left."""


class NoAnswer(Exception):  # noqa: N818
    """The request was sent, or part of it, and no answer came: nobody knows what it did."""


@dataclass(frozen=True)
class Target:
    """A URL taken apart: `host` in lower case and without brackets, `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """The head of an answer; names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]


def read_url(url: str, allow_loopback: bool = False) -> Target:
    """Take a URL apart, refusing all that two parsers might understand differently.

    Args:
        url: `https://host[:port]/path?query`, in printable ASCII: an international name in its
            `xn--` form, an IPv4 address as four decimal numbers.
        allow_loopback: Plain http to this machine is fine too; for tests.

    Raises:
        Refused: It is anything else. The reason quotes no path, query or user name: those may hold
            a credential.
    """
    if not _URL.fullmatch(url):
        raise Refused(
            "the URL must be at most 2,000 characters of printable ASCII, without \\ or #"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused("the host or port of the URL cannot be read") from error
    if "@" in parts.netloc:
        raise Refused("the URL holds a user name or password")
    if port == 0:
        raise Refused("the URL names port 0")
    host = _read_host(host, bracketed="[" in parts.netloc)
    local = allow_loopback and (host == "localhost" or _is_loopback(host))
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise Refused("the URL must begin with https://")
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return Target(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], path)


def is_outside(address: str) -> bool:
    """Whether an IP address belongs to the public internet; IPv4 inside IPv6 is looked into."""
    try:
        found = ip_address(address)
    except ValueError:  # also an address with a zone, which is local to a link
        return False
    return _is_outside_v4(found) if isinstance(found, IPv4Address) else _is_outside_v6(found)


class OutboundGuard:
    """Posts to URLs outside.

    Args:
        timeout: Seconds for connecting, and again for all that follows, however slowly the other
            side answers: once the name is found, a post ends within twice that.
        resolve: Looks names up.
        allow_loopback: This machine counts as outside, for tests.
    """

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        resolve: Resolver = socket.getaddrinfo,
        allow_loopback: bool = False,
    ) -> None:
        self._timeout = timeout
        self._resolve = resolve
        self._allow_loopback = allow_loopback

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post once and return the head of the answer, whatever its status.

        Raises:
            Refused: The URL or an address of its host is not allowed.
            NotSent: The host was not found or not reached, or is not who it should be.
            NoAnswer: Anything that went wrong later.
        """
        target = read_url(url, self._allow_loopback)
        sock = self._connect(target, self._addresses(target))
        limit = threading.Timer(self._timeout, _cut, [sock])
        limit.daemon = True
        limit.start()
        try:
            return _exchange(sock, target, body, {**headers, "Host": target.authority})
        finally:
            limit.cancel()
            sock.close()

    def _addresses(self, target: Target) -> list[str]:
        """The addresses of the host, all of them allowed, in the resolver's order."""
        addresses = [target.host] if _is_address(target.host) else self._look_up(target)
        if not all(map(self._is_allowed, addresses)):
            # One inside address among outside ones is the mark of an attack, so none is used.
            raise Refused(f"{target.host} leads to an address that is not public")
        return addresses[:MOST_ADDRESSES]

    def _look_up(self, target: Target) -> list[str]:
        try:
            found = self._resolve(target.host, target.port, socket.AF_UNSPEC, socket.SOCK_STREAM)
        except OSError as error:
            raise NotSent(f"the name {target.host} was not found") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not addresses:
            raise NotSent(f"the name {target.host} was not found")
        return addresses

    def _is_allowed(self, address: str) -> bool:
        return is_outside(address) or (self._allow_loopback and _is_loopback(address))

    def _connect(self, target: Target, addresses: list[str]) -> socket.socket:
        for address in addresses:
            with contextlib.suppress(OSError):
                share = self._timeout / len(addresses)
                sock = socket.create_connection((address, target.port), timeout=share)
                sock.settimeout(self._timeout)
                if target.scheme == "http":
                    return sock
                # The handshake comes later, so that the time limit holds for it too.
                return ssl.create_default_context().wrap_socket(
                    sock, server_hostname=target.host, do_handshake_on_connect=False
                )
        raise NotSent(f"{target.host} does not take connections on port {target.port}")


def _read_host(host: str, bracketed: bool) -> str:
    if bracketed:
        try:
            return str(IPv6Address(host))
        except ValueError as error:
            raise Refused("the URL names no valid IPv6 address") from error
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise Refused("the URL names no valid host")
    host = host.removesuffix(".")
    if _is_address(host):
        try:
            return str(IPv4Address(host))
        except ValueError as error:
            raise Refused("the URL writes an IP address in an unusual way") from error
    return host


def _is_address(host: str) -> bool:
    return ":" in host or bool(_NUMERIC.fullmatch(host.rpartition(".")[2]))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_outside_v4(address: IPv4Address) -> bool:
    inside = any(address in network for network in _NOT_OUTSIDE_V4)
    return address.is_global and not address.is_multicast and not inside


def _is_outside_v6(address: IPv6Address) -> bool:
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is None and address in _NAT64:
        embedded = IPv4Address(int(address) & 0xFFFF_FFFF)
    if embedded is not None:
        return _is_outside_v4(embedded)
    # Teredo (2001::/32) is not global for `ipaddress`, whatever it carries.
    known = address in _GLOBAL_UNICAST and address not in _DOCUMENTATION
    return known and address.is_global and address.scope_id is None


def _exchange(
    sock: socket.socket, target: Target, body: bytes, headers: Mapping[str, str]
) -> Answer:
    if isinstance(sock, ssl.SSLSocket):
        try:
            sock.do_handshake()
        except OSError as error:
            raise NotSent(f"{target.host} offers no TLS that can be trusted") from error
    connection = HTTPConnection(target.host, target.port)
    connection.sock = sock
    try:
        connection.request("POST", target.path, body=body, headers=dict(headers))
        response = connection.getresponse()
    except (OSError, HTTPException) as error:
        raise NoAnswer(f"no answer from {target.host}: {type(error).__name__}") from error
    found = {name.lower(): value for name, value in response.getheaders()}
    response.close()
    return Answer(response.status, found)


def _cut(sock: socket.socket) -> None:
    """End a connection from another thread, so that whoever reads from it stops waiting."""
    with contextlib.suppress(OSError):
        # Not `sock.shutdown`: on a TLS socket that drops the encryption while it is being used.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
