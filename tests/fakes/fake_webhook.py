"""A receiver of webhooks that runs as its own process, breaks on demand, and keeps an oracle.

    python tests/fakes/fake_webhook.py --log FILE [--plan JSON] [--certificate PEM]

prints its port, then takes every POST on 127.0.0.1, over TLS when it has a certificate (key and
chain in one file). The log is append-only and fsync'd before any answer leaves, one JSON object per
request with its path, headers and body, so that killing the client erases nothing.

The plan says what goes wrong: a list of faults, taken in order, one per request; then everything
works. A fault is `{"fault": NAME, ...}`, and `"times": n` repeats it:

    accept_then_close           taken, connection closed without an answer
    commit_then_timeout seconds taken, no answer for that long, then closed
    http status [headers]       that status; not taken unless it is a 2xx
    drip seconds                an answer that comes byte by byte, one each so many seconds
    endless                     200 with a body that does not end
    garbage                     an answer that is no HTTP

`POST /control/plan` adds to the plan of a running server. Standard library only.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Fault = Mapping[str, Any]

_TAKEN = frozenset({None, "accept_then_close", "commit_then_timeout", "drip", "endless"})


class Handler(BaseHTTPRequestHandler):
    """Takes what it is sent, unless the plan says otherwise."""

    server: Server

    def do_POST(self) -> None:
        """Anything, and `/control/plan` of our own."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/control/plan":
            self.server.add_faults(json.loads(body))
            self._send(200, {})
            return
        fault = self.server.next_fault()
        name, status = fault.get("fault"), int(fault.get("status", 200))
        self.server.record(
            path=self.path,
            headers={key.lower(): value for key, value in self.headers.items()},
            body=base64.b64encode(body).decode(),
            fault=name,
            taken=name in _TAKEN or (name == "http" and 200 <= status < 300),
        )
        # A client that gave up waiting is no failure of this server.
        with contextlib.suppress(OSError):
            self._answer(fault, status)

    def _answer(self, fault: Fault, status: int) -> None:
        name = fault.get("fault")
        if name == "commit_then_timeout":
            time.sleep(fault["seconds"])
        if name in {"accept_then_close", "commit_then_timeout"}:
            self.close_connection = True
        elif name == "drip":
            self.close_connection = True
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(fault["seconds"])
        elif name == "garbage":
            self.close_connection = True
            self.wfile.write(b"220 mail.example ESMTP\r\n")
        elif name == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65_536)
        else:
            self._send(status, fault.get("headers", {}))

    def _send(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": "2", **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log is the oracle's."""


class Server(ThreadingHTTPServer):
    """Plan and log of one receiver; safe between threads."""

    daemon_threads = True

    def __init__(self, log: Path, plan: Sequence[Fault], certificate: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self._lock = threading.Lock()
        self._plan: list[Fault] = []
        self._log = log.open("a", encoding="utf-8")
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
            self._context.sni_callback = self._note_name
        self.add_faults(plan)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS first, in the thread of this connection."""
        if self._context is not None:
            try:
                request = self._context.wrap_socket(request, server_side=True)
            except OSError as error:
                self.record(handshake=type(error).__name__)
                return
        super().finish_request(request, client_address)

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Append faults to the plan."""
        with self._lock:
            for fault in faults:
                self._plan.extend([fault] * int(fault.get("times", 1)))

    def next_fault(self) -> Fault:
        """The fault of this request; an empty one when all is well."""
        with self._lock:
            return self._plan.pop(0) if self._plan else {}

    def record(self, **entry: Any) -> None:
        """One line in the log, on the disk before this returns."""
        with self._lock:
            self._log.write(json.dumps({"at": time.time(), **entry}) + "\n")
            self._log.flush()
            os.fsync(self._log.fileno())

    def _note_name(self, _: Any, name: str | None, __: Any) -> None:
        self.record(server_name=name)


@dataclass(frozen=True)
class Request:
    """One request as the receiver saw it."""

    path: str
    headers: dict[str, str]
    body: bytes
    taken: bool

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True)
class FakeWebhook:
    """A running receiver, seen from the tests."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it takes webhooks by plain http."""
        return f"http://127.0.0.1:{self.port}/hooks/pql?from=pql"

    def entries(self) -> list[dict[str, Any]]:
        """Every line of the log, in order."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def requests(self) -> list[Request]:
        """Every request, in order."""
        return [
            Request(
                entry["path"], entry["headers"], base64.b64decode(entry["body"]), entry["taken"]
            )
            for entry in self.entries()
            if "body" in entry
        ]

    def break_next(self, *faults: Fault) -> None:
        """Append faults to the plan of the running server, which must not speak TLS."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/control/plan", data=json.dumps(faults).encode()
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            assert answer.status == 200


@contextlib.contextmanager
def running_fake_webhook(
    tmp_path: Path, plan: Sequence[Fault] = (), certificate: Path | None = None
) -> Iterator[FakeWebhook]:
    """A receiver in a process of its own, ended on leaving; its log is in `tmp_path`."""
    log = tmp_path / "webhooks.log"
    command = [sys.executable, "-I", __file__, "--log", str(log), "--plan", json.dumps([*plan])]
    if certificate is not None:
        command += ["--certificate", str(certificate)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.strip().isdigit(), f"the receiver did not start: {line!r}"
        yield FakeWebhook(port=int(line), log=log)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description="A receiver of webhooks for tests.")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--plan", type=json.loads, default=[])
    parser.add_argument("--certificate", type=Path)
    options = parser.parse_args()
    server = Server(options.log, options.plan, options.certificate)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
