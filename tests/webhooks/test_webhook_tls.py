"""TLS: the certificate must be that of the name in the URL, though an address is connected to."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alert_stories import NOW
from fake_webhook import running_fake_webhook

from pql_platform.domain.delivery import TryLater

x509 = pytest.importorskip("cryptography.x509")


def _certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for a name, good around the real present, with its key."""
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return _certificate(tmp_path, "hooks.example")


@pytest.fixture
def secure(tmp_path: Path, certificate: Path) -> Iterator[Any]:
    """A receiver that speaks TLS."""
    with running_fake_webhook(tmp_path, certificate=certificate) as running:
        yield running


def _here(*query: Any) -> list[tuple[Any, ...]]:
    """Every name is this machine."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", query[1]))]


def test_the_name_of_the_url_is_what_the_certificate_must_be_for(
    secure, certificate, channel_to, webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    channel = channel_to(f"https://hooks.example:{secure.port}/x", resolve=_here)
    assert channel.deliver(webhook(), NOW).detail == {"status": 200}
    (request,) = secure.requests()
    assert request.headers["host"] == f"hooks.example:{secure.port}"
    assert secure.entries()[0]["server_name"] == "hooks.example"


def test_the_usual_port_is_not_named(
    secure, certificate, channel_to, webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.create_connection

    def reroute(address: tuple[str, int], timeout: float) -> socket.socket:
        assert address == ("127.0.0.1", 443)
        return connect(("127.0.0.1", secure.port), timeout=timeout)

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(socket, "create_connection", reroute)
    channel_to("https://hooks.example/x", resolve=_here).deliver(webhook(), NOW)
    (request,) = secure.requests()
    assert request.headers["host"] == "hooks.example"


def test_a_certificate_for_another_name_gets_no_request(
    secure, certificate, channel_to, webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    channel = channel_to(f"https://other.example:{secure.port}/x", resolve=_here)
    with pytest.raises(TryLater, match="TLS"):
        channel.deliver(webhook(), NOW)
    assert secure.requests() == []


def test_a_certificate_that_nobody_vouches_for_gets_no_request(
    secure, channel_to, webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    channel = channel_to(f"https://hooks.example:{secure.port}/x", resolve=_here)
    with pytest.raises(TryLater, match="TLS"):
        channel.deliver(webhook(), NOW)
    assert secure.requests() == []


def test_a_receiver_that_never_shakes_hands_is_left_in_time(channel_to, webhook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://hooks.example:{silent.getsockname()[1]}/"
        with pytest.raises(TryLater, match="TLS"):
            channel_to(url, resolve=_here, timeout=0.3).deliver(webhook(), NOW)
