"""The WebSocket of Slack's Socket Mode, as its own process.

    python tests/listener/fake_socket.py

prints its port and serves 127.0.0.1. Each line on standard input is an envelope, sent to the
client that is connected; `CLOSE` closes the connection as Slack does before it moves a client. Each
line on standard output is what a client sent, or `HELLO` for a client that has come.

Frames are RFC 6455, by `websockets`, which comes with dagster-webserver; envelopes are those of
docs.slack.dev/apis/events-api/using-socket-mode.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any

READY = {"type": "hello", "num_connections": 1}


@dataclass
class FakeSocket:
    """A running server, seen from the tests."""

    process: subprocess.Popen[str]
    port: int
    lines: Queue[str]

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"ws://127.0.0.1:{self.port}/link"

    def send(self, envelope_id: str, payload: dict[str, Any]) -> None:
        """Send a click to the client."""
        envelope = {
            "type": "interactive",
            "envelope_id": envelope_id,
            "accepts_response_payload": True,
            "payload": payload,
        }
        self._write(json.dumps(envelope))

    def close(self) -> None:
        """Close the connection, not the server."""
        self._write("CLOSE")

    def heard(self, seconds: float = 20) -> str:
        """The next line of a client."""
        return self.lines.get(timeout=seconds)

    def is_silent(self, seconds: float) -> bool:
        """Whether a client says nothing for so long."""
        try:
            self.lines.get(timeout=seconds)
        except Empty:
            return True
        return False

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


@contextlib.contextmanager
def running_fake_socket() -> Iterator[FakeSocket]:
    """The server in a process of its own, ended on leaving."""
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    assert port.isdigit(), f"the fake WebSocket did not start: {port!r}"
    lines: Queue[str] = Queue()
    out = process.stdout
    reader = threading.Thread(target=lambda: [lines.put(line.strip()) for line in out])
    reader.start()
    try:
        yield FakeSocket(process, int(port), lines)
    finally:
        process.terminate()
        process.wait(timeout=10)
        reader.join(timeout=10)
        with process:
            pass


def main() -> None:
    """Serve until ended."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import ServerConnection, serve

    clients: list[ServerConnection] = []

    def listen(client: ServerConnection) -> None:
        client.send(json.dumps(READY))
        clients.append(client)
        print("HELLO", flush=True)
        with contextlib.suppress(ConnectionClosed):
            for said in client:
                print(said, flush=True)

    def obey() -> None:
        for line in sys.stdin:
            with contextlib.suppress(ConnectionClosed):
                if line.strip() == "CLOSE":
                    clients[-1].close()
                else:
                    clients[-1].send(line.strip())

    with serve(listen, "127.0.0.1", 0) as server:
        print(server.socket.getsockname()[1], flush=True)
        threading.Thread(target=obey, daemon=True).start()
        server.serve_forever()


if __name__ == "__main__":
    sys.path = [entry for entry in sys.path if Path(entry) != Path(__file__).parent]
    main()
