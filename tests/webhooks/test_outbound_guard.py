"""Which URLs may be posted to, and that the address that was checked is the one that is used."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import pytest

from pql_platform.adapters.outbound_guard import (
    MOST_ADDRESSES,
    NotSent,
    OutboundGuard,
    Refused,
    Target,
    is_outside,
    read_url,
)

PUBLIC = "93.184.216.34"

REFUSED_URLS = [
    "",
    "hooks.example",
    "//hooks.example/x",
    "http://hooks.example/x",
    "ftp://hooks.example/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "javascript:alert(1)",
    "https:///x",
    "https://",
    "https://user@hooks.example/x",
    "https://user:pass@hooks.example/x",
    "https://hooks.example@127.0.0.1/x",
    "https://127.0.0.1#@hooks.example/",
    "https://hooks.example/x#part",
    "https://hooks.example\\@127.0.0.1/x",
    "https://hooks.example%00.evil.example/",
    "https://hooks.example:0/x",
    "https://hooks.example:65536/x",
    "https://hooks.example:port/x",
    "https://hooks.example:-1/x",
    "https://hooks.example /x",
    "https://hooks.example/x\r\nHost: inside",
    "https://hooks.example/\tx",
    "\thttps://hooks.example/x",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.0.0.0x1/",
    "https://0/",
    "https://169.254.43518/",
    "https://1.2.3.4.5/",
    "https://256.256.256.256/",
    "https://hooks.123/",
    "https://127。0。0。1/",
    "https://127\uff0e0\uff0e0\uff0e1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://hööks.example/",
    "https://hooks..example/",
    "https://.hooks.example/",
    "https://hooks.example../",
    "https://-hooks.example/",
    "https://%31%32%37.0.0.1/",
    "https://[127.0.0.1]/",
    "https://[::1/",
    "https://[::1%25lo]/",
    "https://[fe80::1%25eth0]/",
    "https://[v1.fe80]/",
    f"https://hooks.example/{'x' * 2000}",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 127}example/",
]

INSIDE_ADDRESSES = [
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.255.255.254:8443/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/latest/meta-data",
    "https://169.254.169.254/latest/meta-data",
    "https://168.63.129.16/",
    "https://192.0.0.192/latest",
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::808:808]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
]

# With what the name resolves to.
INSIDE_NAMES = {
    "https://localhost/": "127.0.0.1",
    "https://LOCALHOST./": "127.0.0.1",
    "https://db.internal/": "10.1.2.3",
    "https://metadata.google.internal/": "169.254.169.254",
    "https://127.0.0.1.nip.example/": "127.0.0.1",
    "https://v6only.example/": "::1",
    "https://zone.example/": "fe80::1%eth0",
}

ALLOWED_URLS = {
    "https://hooks.example": Target("https", "hooks.example", 443, "/"),
    "https://hooks.example?a=1": Target("https", "hooks.example", 443, "/?a=1"),
    "HTTPS://Hooks.Example./x?a=1": Target("https", "hooks.example", 443, "/x?a=1"),
    "https://hooks.example:8443/x": Target("https", "hooks.example", 8443, "/x"),
    "https://hooks.example:/x": Target("https", "hooks.example", 443, "/x"),
    "https://xn--hks-sna.example/%2e%2e/x": Target(
        "https", "xn--hks-sna.example", 443, "/%2e%2e/x"
    ),
    "https://8.8.8.8/x": Target("https", "8.8.8.8", 443, "/x"),
    "https://[2606:4700::1111]:8443/": Target("https", "2606:4700::1111", 8443, "/"),
    "https://hooks.example/@127.0.0.1": Target("https", "hooks.example", 443, "/@127.0.0.1"),
}
ADDRESSES = {"8.8.8.8", "2606:4700::1111"}


class Resolver:
    """Answers from a list, the last entry for ever, and counts how often it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = answers
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, *query: Any) -> list[tuple[Any, ...]]:
        self.asked.append(query)
        addresses = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, query[1])) for one in addresses]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where a connection was asked for; none is ever made."""
    asked: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        assert 0 < timeout <= 10
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    return asked


def _post(url: str, resolver: Resolver, **options: Any) -> None:
    OutboundGuard(resolve=resolver, **options).post(url, b"{}", {})


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_that_can_be_misread_is_refused_before_anything_is_looked_up(
    url: str, connections: list[tuple[str, int]]
) -> None:
    resolver = Resolver([PUBLIC])
    with pytest.raises(Refused):
        _post(url, resolver)
    assert (resolver.asked, connections) == ([], [])


@pytest.mark.parametrize("url", INSIDE_ADDRESSES)
def test_an_address_inside_is_refused_whatever_a_resolver_would_say(
    url: str, connections: list[tuple[str, int]]
) -> None:
    resolver = Resolver([PUBLIC])
    with pytest.raises(Refused, match="not public"):
        _post(url, resolver)
    assert (resolver.asked, connections) == ([], [])


@pytest.mark.parametrize("url", INSIDE_NAMES)
def test_a_name_that_leads_inside_is_refused_without_saying_where(
    url: str, connections: list[tuple[str, int]]
) -> None:
    resolver = Resolver([INSIDE_NAMES[url]])
    with pytest.raises(Refused, match="not public") as refused:
        _post(url, resolver)
    assert INSIDE_NAMES[url] in url or INSIDE_NAMES[url] not in str(refused.value)
    assert (len(resolver.asked), connections) == (1, [])


@pytest.mark.parametrize("url", ALLOWED_URLS)
def test_an_ordinary_url_is_read_and_connected_to(
    url: str, connections: list[tuple[str, int]]
) -> None:
    target = ALLOWED_URLS[url]
    assert read_url(url) == target
    with pytest.raises(NotSent):
        _post(url, Resolver([PUBLIC]))
    address = target.host if target.host in ADDRESSES else PUBLIC
    assert connections == [(address, target.port)]


def test_a_name_that_resolves_otherwise_a_moment_later_changes_nothing(
    connections: list[tuple[str, int]],
) -> None:
    resolver = Resolver([PUBLIC], ["127.0.0.1"])
    with pytest.raises(NotSent):
        _post("https://rebind.example/", resolver)
    assert len(resolver.asked) == 1
    assert connections == [(PUBLIC, 443)], "the address that was checked, not the name"
    with pytest.raises(Refused):
        _post("https://rebind.example/", resolver)


def test_one_inside_address_among_public_ones_is_enough_to_refuse(
    connections: list[tuple[str, int]],
) -> None:
    with pytest.raises(Refused):
        _post("https://mixed.example/", Resolver([PUBLIC, "8.8.8.8", "9.9.9.9", "10.0.0.1"]))
    assert connections == []


def test_a_few_addresses_are_tried_in_turn_and_each_once(
    connections: list[tuple[str, int]],
) -> None:
    many = ["8.8.8.8", "8.8.8.8", "1.1.1.1", "9.9.9.9", "8.8.4.4"]
    with pytest.raises(NotSent):
        _post("https://many.example/", Resolver(many))
    assert [address for address, _ in connections] == ["8.8.8.8", "1.1.1.1", "9.9.9.9"]
    assert len(connections) == MOST_ADDRESSES


def test_a_name_that_is_not_found_was_certainly_not_posted_to(
    connections: list[tuple[str, int]],
) -> None:
    def unknown(*_: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(NotSent, match=r"nowhere\.example"):
        OutboundGuard(resolve=unknown).post("https://nowhere.example/", b"", {})
    with pytest.raises(NotSent):
        _post("https://empty.example/", Resolver([]))
    assert connections == []


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"],
)
def test_public_addresses_are_outside(address: str) -> None:
    assert is_outside(address)


def test_what_is_no_address_is_not_outside() -> None:
    assert not is_outside("hooks.example")


def test_this_machine_is_allowed_only_where_it_is_said_and_inside_is_not_even_then(
    connections: list[tuple[str, int]],
) -> None:
    for url in ("http://127.0.0.1:8080/", "http://[::1]:8080/", "https://localhost/"):
        with pytest.raises(NotSent):
            _post(url, Resolver(["127.0.0.1"]), allow_loopback=True)
    assert len(connections) == 3
    for url, address in (
        ("http://10.0.0.1/", "10.0.0.1"),
        ("http://hooks.example/", "127.0.0.1"),
        ("https://hooks.example/", "10.0.0.1"),
    ):
        with pytest.raises(Refused):
            _post(url, Resolver([address]), allow_loopback=True)
    assert len(connections) == 3


def test_a_refusal_quotes_nothing_that_may_be_a_credential() -> None:
    for url in ("https://u:s3cr3t@hooks.example/", "http://hooks.example/s3cr3t?k=s3cr3t"):
        with pytest.raises(Refused) as refused:
            read_url(url)
        assert "s3cr3t" not in repr(refused.value)


def test_the_host_header_names_a_port_that_is_not_the_usual_one() -> None:
    assert read_url("https://hooks.example/").authority == "hooks.example"
    assert read_url("https://hooks.example:8443/").authority == "hooks.example:8443"
    assert read_url("https://[2606:4700::1111]:8443/").authority == "[2606:4700::1111]:8443"
