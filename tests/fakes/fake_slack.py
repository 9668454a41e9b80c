"""A Slack that runs as its own process, breaks on demand, and keeps an oracle of what it posted.

    python tests/fakes/fake_slack.py --log FILE [--plan JSON] [--channel NAME ...]

prints its port, then serves `/api/chat.postMessage`, `chat.update`, `conversations.history`,
`conversations.replies`, `conversations.list` and `auth.test` on 127.0.0.1, with the limits that
Slack's server enforces; and `apps.connections.open` for `fake_socket.py`, and answers to clicks
under `/response/`, which the log calls `response_url`. The log is append-only and fsync'd before
any answer leaves, one JSON object per request, so that killing the client, or this process, erases
nothing; a restart on the same log remembers its messages.

The plan says what goes wrong: per method a list of faults, taken in order, one per request; then
everything works. A fault is `{"fault": NAME, ...}`, and `"times": n` repeats it:

    accept_then_close             posted, connection closed without an answer
    commit_then_timeout seconds   posted, no answer for that long, then closed
    commit_late seconds           nothing for that long, then posted, and closed without an answer
    delay seconds                 posted and answered, but only after that long
    http status [commit] [headers, body]  that status; posted before it when `commit`
    rate_limited [retry_after]    429, with that Retry-After as it is written
    garbage_200 [body] [commit]   200 with something that is no answer of Slack's
    cut_200                       posted, and an answer cut in the middle
    ok_false code [needed]        200 with `ok: false`

A fault with `"channel"` waits for a request about that channel, and `{}` is a request for which all
is well. `POST /control/plan` adds to the plan of a running server, `POST /control/heal` forgets it,
`POST /control/delete` deletes a message as a person would, `POST /control/socket` says where the
WebSocket is.
Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

TOKEN = "xoxb-fake"
APP_TOKEN = "xapp-fake"
MOST_EDIT_BYTES = 4_000  # docs.slack.dev/reference/methods/chat.update: msg_too_long
CHANNELS = ("pql-alerts", "pql-oncall")
MOST_BLOCK_CHARACTERS = 13_200  # bolt-js issue 2509: refused as msg_blocks_too_long around here

_KEPT = ("text", "blocks", "metadata", "thread_ts", "reply_broadcast")

Fault = Mapping[str, Any]
Plan = Mapping[str, Sequence[Fault]]


def units(text: str) -> int:
    """Length in UTF-16 units, the strictest way that Slack might count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def refusal(arguments: Mapping[str, Any]) -> str | None:
    """Slack's error code for what chat.postMessage was given, None when it would be posted."""
    blocks = arguments.get("blocks") or []
    if not blocks and not arguments.get("text"):
        return "no_text"
    if units(arguments.get("text", "")) > 40_000:
        return "msg_too_long"
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return "invalid_blocks_format"
    if len(blocks) > 50 or not all(_block_is_valid(block) for block in blocks):
        return "invalid_blocks"
    if sum(units(text) for text in strings(blocks)) > MOST_BLOCK_CHARACTERS:
        return "msg_blocks_too_long"
    return _metadata_refusal(arguments.get("metadata"))


def strings(node: Any) -> Iterator[str]:
    """Every text and URL inside blocks."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for name, value in node.items():
            if name != "type":
                yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


def _metadata_refusal(metadata: Any) -> str | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        return "invalid_metadata_format"
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        return "invalid_metadata_format"
    return "metadata_too_large" if len(json.dumps(metadata)) > 16_000 else None


def _text_is_valid(text: Any, limit: int, kinds: Sequence[str] = ("mrkdwn", "plain_text")) -> bool:
    return (
        isinstance(text, dict)
        and text.get("type") in kinds
        and isinstance(text.get("text"), str)
        and 1 <= units(text["text"]) <= limit
    )


def _button_is_valid(button: Any) -> bool:
    return (
        isinstance(button, dict)
        and button.get("type") == "button"
        and _text_is_valid(button.get("text"), 75, ["plain_text"])
        and 1 <= len(button.get("action_id", "x")) <= 255
        and len(button.get("url", "")) <= 3_000
        and len(button.get("value", "")) <= 2_000
    )


def _select_is_valid(select: Any) -> bool:
    options = select.get("options", []) if isinstance(select, dict) else []
    return (
        isinstance(select, dict)
        and select.get("type") == "static_select"
        and _text_is_valid(select.get("placeholder"), 150, ["plain_text"])
        and 1 <= len(select.get("action_id", "")) <= 255
        and 1 <= len(options) <= 100
        and all(
            _text_is_valid(option.get("text"), 75, ["plain_text"])
            and 1 <= len(option.get("value", "")) <= 150
            for option in options
        )
    )


def _block_is_valid(block: Mapping[str, Any]) -> bool:
    kind = block.get("type")
    if kind == "header":
        return _text_is_valid(block.get("text"), 150, ["plain_text"])
    if kind == "section":
        fields = block.get("fields", [])
        has_text = "text" not in block or _text_is_valid(block["text"], 3_000)
        has_fields = len(fields) <= 10 and all(_text_is_valid(field, 2_000) for field in fields)
        return has_text and has_fields and ("text" in block or bool(fields))
    if kind == "context":
        elements = block.get("elements", [])
        return 1 <= len(elements) <= 10 and all(_text_is_valid(text, 3_000) for text in elements)
    if kind == "actions":
        elements = block.get("elements", [])
        ids = [button.get("action_id") for button in elements if isinstance(button, dict)]
        return (
            1 <= len(elements) <= 25
            and all(_button_is_valid(one) or _select_is_valid(one) for one in elements)
            and 1 <= len(block.get("block_id", "x")) <= 255
            and len(ids) == len(set(ids))
        )
    return kind == "divider"


class Workspace:
    """Messages, plan and log of one fake workspace; safe between threads."""

    def __init__(self, log: Path, plan: Plan, channels: Sequence[str]) -> None:
        self.ids = {name: f"C{position:010d}" for position, name in enumerate(channels, start=1)}
        self.messages: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._deleted: set[tuple[str, str]] = set()
        self.socket_url: str | None = None
        self._plan: dict[str, list[dict[str, Any]]] = {}
        self.add_faults(plan)
        if log.exists():
            records = map(json.loads, log.read_text(encoding="utf-8").splitlines())
            for record in records:
                if record.get("posted"):
                    self.messages.append(record["posted"])
                elif record.get("edited"):
                    self._replace(record["edited"])
                elif record.get("deleted"):
                    self.delete(**record["deleted"])
        self._log = log.open("a", encoding="utf-8")

    def add_faults(self, plan: Plan) -> None:
        """Append faults to the plan."""
        with self._lock:
            for method, faults in plan.items():
                queue = self._plan.setdefault(method, [])
                for fault in faults:
                    queue.extend([dict(fault)] * int(fault.get("times", 1)))

    def forget_faults(self) -> None:
        """Forget the rest of the plan."""
        with self._lock:
            self._plan.clear()

    def next_fault(self, method: str, channel: object = None) -> dict[str, Any]:
        """The fault of this request; an empty one when all is well."""
        with self._lock:
            queue = self._plan.get(method)
            if not queue or queue[0].get("channel", channel) != channel:
                return {}
            return queue.pop(0)

    def post(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """chat.postMessage: takes a channel by id, name or #name."""
        channel = str(arguments.get("channel", "")).removeprefix("#")
        channel_id = channel if channel in self.ids.values() else self.ids.get(channel)
        error = refusal(arguments) if channel_id else "channel_not_found"
        if error:
            return {"ok": False, "error": error}
        with self._lock:
            latest = float(self.messages[-1]["ts"]) if self.messages else 0.0
            ts = f"{max(time.time(), latest + 0.000001):.6f}"
            thread = arguments.get("thread_ts")
            if (str(channel_id), str(thread)) in self._deleted:
                # Slack posts it all the same, into the channel: slack-go issue 1571.
                arguments = {
                    name: value
                    for name, value in arguments.items()
                    if name not in ("thread_ts", "reply_broadcast")
                }
                thread = None
            if thread and not self._find(str(channel_id), str(thread)):
                return {"ok": False, "error": "cannot_reply_to_message"}
            kept = {name: arguments[name] for name in _KEPT if arguments.get(name)}
            message = {"type": "message", "ts": ts, "channel": channel_id, **kept}
            self.messages.append(message)
        return {"ok": True, "channel": channel_id, "ts": ts, "message": message}

    def edit(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """chat.update: by channel id and ts; what is not given again is gone, metadata too."""
        channel, ts = str(arguments.get("channel")), str(arguments.get("ts"))
        error = refusal(arguments) if channel in self.ids.values() else "channel_not_found"
        if not error and len(arguments.get("text", "").encode()) > MOST_EDIT_BYTES:
            error = "msg_too_long"
        with self._lock:
            if not error and not self._find(channel, ts):
                error = "message_not_found"
            if error:
                return {"ok": False, "error": error}
            kept = {name: arguments[name] for name in _KEPT if arguments.get(name)}
            thread = {
                name: value
                for name, value in (self._find(channel, ts) or {}).items()
                if name in ("thread_ts", "reply_broadcast")
            }
            edited = {"type": "message", "ts": ts, "channel": channel, **kept, **thread}
            self._replace(edited)
        return {"ok": True, "channel": channel, "ts": ts, "text": edited["text"], "edited": edited}

    def delete(self, channel: str, ts: str) -> None:
        """A person deletes a message."""
        with self._lock:
            self._deleted.add((channel, ts))
            self.messages = [
                message
                for message in self.messages
                if (message["channel"], message["ts"]) != (channel, ts)
            ]

    def open_socket(self) -> dict[str, Any]:
        """apps.connections.open: where the WebSocket is."""
        if self.socket_url is None:
            return {"ok": False, "error": "internal_error"}
        return {"ok": True, "url": self.socket_url}

    def _find(self, channel: str, ts: str) -> dict[str, Any] | None:
        for message in self.messages:
            if message["channel"] == channel and message["ts"] == ts:
                return message
        return None

    def _replace(self, edited: dict[str, Any]) -> None:
        for position, message in enumerate(self.messages):
            if message["channel"] == edited["channel"] and message["ts"] == edited["ts"]:
                self.messages[position] = edited

    def replies(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """conversations.replies: a message and what is below it, oldest first."""
        thread = arguments.get("ts")
        shown = [
            message
            for message in self.messages
            if message["channel"] == arguments.get("channel")
            and thread in (message["ts"], message.get("thread_ts"))
        ]
        if not shown:
            return {"ok": False, "error": "thread_not_found"}
        if arguments.get("include_all_metadata") not in ("1", "true", True):
            shown = [_without_payload(message) for message in shown]
        return _page("messages", shown, arguments)

    def history(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """conversations.history: newest first, by id only, metadata only when asked for."""
        if arguments.get("channel") not in self.ids.values():
            return {"ok": False, "error": "channel_not_found"}
        oldest = float(arguments.get("oldest", 0))
        shown = [
            message
            for message in reversed(self.messages)
            if message["channel"] == arguments["channel"]
            and float(message["ts"]) > oldest
            and ("thread_ts" not in message or message.get("reply_broadcast"))
        ]
        if arguments.get("include_all_metadata") not in ("1", "true", True):
            shown = [_without_payload(message) for message in shown]
        return _page("messages", shown, arguments)

    def list_channels(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """conversations.list."""
        channels = [{"id": channel_id, "name": name} for name, channel_id in self.ids.items()]
        return _page("channels", channels, arguments)

    def record(self, **entry: Any) -> None:
        """One line in the log, on the disk before this returns."""
        with self._lock:
            self._log.write(json.dumps({"at": time.time(), **entry}) + "\n")
            self._log.flush()
            os.fsync(self._log.fileno())


class Handler(BaseHTTPRequestHandler):
    """Answers as Slack does, unless the plan says otherwise."""

    server: Server

    def do_POST(self) -> None:
        """Every method of Slack's API, and `/control/` of our own."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path in {"/control/plan", "/control/heal"}:
            if self.path == "/control/heal":
                self.server.workspace.forget_faults()
            self.server.workspace.add_faults(json.loads(body))
            self._answer({"ok": True})
            return
        if self.path == "/control/delete":
            message = json.loads(body)
            self.server.workspace.delete(**message)
            self.server.workspace.record(method="control", deleted=message)
            self._answer({"ok": True})
            return
        if self.path == "/control/socket":
            self.server.workspace.socket_url = json.loads(body)["url"]
            self._answer({"ok": True})
            return
        if self.path.startswith("/response/"):
            self._hear(json.loads(body))
            return
        method = self.path.partition("?")[0].removeprefix("/api/")
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        arguments = json.loads(body or "{}") if is_json else dict(parse_qsl(body.decode()))
        fault = self.server.workspace.next_fault(method, arguments.get("channel"))
        if fault.get("fault") == "commit_late":
            time.sleep(fault["seconds"])
        answer = self._run(method, arguments, fault)
        self.server.workspace.record(
            method=method,
            fault=fault.get("fault"),
            injected=fault,
            key=_key(arguments),
            channel=arguments.get("channel"),
            error=answer.get("error"),
            posted=answer.get("message"),
            edited=answer.get("edited"),
        )
        self._reply(fault, answer)

    def do_GET(self) -> None:
        """Nothing of Slack's: only a client that followed a redirect comes here, and is noted."""
        self.server.workspace.record(method="response_url", path=self.path, said=None)
        self._answer({"ok": False, "error": "unknown_method"})

    def _hear(self, said: dict[str, Any]) -> None:
        """What whoever clicked is told."""
        fault = self.server.workspace.next_fault("response_url")
        self.server.workspace.record(method="response_url", path=self.path, said=said)
        self._reply(fault, {"ok": True})

    def _run(self, method: str, arguments: dict[str, Any], fault: Fault) -> dict[str, Any]:
        """What Slack does, and would answer; nothing at all when the fault comes before that."""
        if fault.get("fault") == "ok_false":
            needed = {"needed": fault["needed"]} if "needed" in fault else {}
            return {"ok": False, "error": fault["code"]} | needed
        if not _takes_effect(fault):
            return {}
        if method == "apps.connections.open":
            known = self.headers.get("Authorization") == f"Bearer {APP_TOKEN}"
            refused = {"ok": False, "error": "invalid_auth"}
            return self.server.workspace.open_socket() if known else refused
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        methods: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "chat.postMessage": self.server.workspace.post,
            "chat.update": self.server.workspace.edit,
            "conversations.replies": self.server.workspace.replies,
            "conversations.history": self.server.workspace.history,
            "conversations.list": self.server.workspace.list_channels,
            "auth.test": lambda _: {"ok": True, "team": "fake", "bot_id": "B0FAKE"},
        }
        run = methods.get(method)
        return run(arguments) if run else {"ok": False, "error": "unknown_method"}

    def _reply(self, fault: Fault, answer: dict[str, Any]) -> None:
        name = fault.get("fault")
        if name in {"commit_then_timeout", "delay"}:
            time.sleep(fault["seconds"])
        if name in {"accept_then_close", "commit_then_timeout", "commit_late"}:
            self.close_connection = True
        elif name == "rate_limited":
            wait = fault.get("retry_after")
            headers = {} if wait is None else {"Retry-After": str(wait)}
            self._send(json.dumps({"ok": False, "error": "ratelimited"}), 429, headers)
        elif name == "http":
            self._send(fault.get("body", ""), fault["status"], fault.get("headers", {}))
        elif name == "garbage_200":
            self._send(fault.get("body", "<html>We will be right back</html>"))
        elif name == "cut_200":
            whole = json.dumps(answer)
            self._send(whole[: len(whole) // 2], 200, {"Content-Length": str(len(whole))})
            self.close_connection = True
        else:
            self._answer(answer)

    def _answer(self, answer: Mapping[str, Any]) -> None:
        self._send(json.dumps(answer))

    def _send(self, body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        encoded = body.encode()
        # A client that gave up waiting is no failure of this server.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            sent = {"Content-Type": "application/json", "Content-Length": str(len(encoded))}
            for name, value in (sent | dict(headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(encoded)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log is the oracle's."""


class Server(ThreadingHTTPServer):
    """The server of one workspace."""

    daemon_threads = True

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.workspace = workspace


def _takes_effect(fault: Fault) -> bool:
    """Whether Slack does what it was asked to before the fault shows."""
    if fault.get("fault") in {"http", "garbage_200"}:
        return bool(fault.get("commit"))
    return fault.get("fault") != "rate_limited"


def _key(arguments: Mapping[str, Any]) -> object:
    """The key that a message to be posted carries in its metadata, None when it carries none."""
    metadata = arguments.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    return payload.get("key") if isinstance(payload, dict) else None


def _without_payload(message: dict[str, Any]) -> dict[str, Any]:
    if "metadata" not in message:
        return message
    return message | {"metadata": {"event_type": message["metadata"]["event_type"]}}


def _page(field: str, items: list[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    start, limit = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 100)
    end = start + limit
    more = end < len(items)
    return {
        "ok": True,
        field: items[start:end],
        "has_more": more,
        "response_metadata": {"next_cursor": str(end) if more else ""},
    }


@dataclass(frozen=True)
class FakeSlack:
    """A running fake, seen from the tests."""

    port: int
    log: Path
    token: str = TOKEN

    @property
    def base_url(self) -> str:
        """What `SLACK_BASE_URL` would be."""
        return f"http://127.0.0.1:{self.port}/api/"

    def requests(self, method: str = "chat.postMessage") -> list[dict[str, Any]]:
        """What the log says of every request for a method, in order."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [entry for entry in map(json.loads, lines) if entry["method"] == method]

    def posted(self) -> list[dict[str, Any]]:
        """The messages that were really posted: the oracle."""
        return [entry["posted"] for entry in self.requests() if entry["posted"]]

    def edited(self) -> list[dict[str, Any]]:
        """What messages were changed into, in order."""
        return [entry["edited"] for entry in self.requests("chat.update") if entry["edited"]]

    def told(self) -> list[dict[str, Any]]:
        """What people who clicked were told by their response URL."""
        return [entry["said"] for entry in self.requests("response_url")]

    def response_url(self, name: str = "1") -> str:
        """A URL by which an answer to a click is told."""
        return f"http://127.0.0.1:{self.port}/response/{name}"

    def delete(self, message: Mapping[str, Any]) -> None:
        """Delete a posted message, as a person would."""
        self._control("delete", {name: message[name] for name in ("channel", "ts")})

    def offer_socket(self, url: str) -> None:
        """Say where `apps.connections.open` sends clients to."""
        self._control("socket", {"url": url})

    def break_next(self, method: str, *faults: Fault) -> None:
        """Append faults to the plan of the running server."""
        self._control("plan", {method: list(faults)})

    def heal(self) -> None:
        """Forget what is left of the plan."""
        self._control("heal", {})

    def _control(self, what: str, plan: Mapping[str, Any]) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/control/{what}",
            data=json.dumps(plan).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            assert json.load(answer) == {"ok": True}


@contextlib.contextmanager
def running_fake_slack(
    tmp_path: Path, plan: Plan | None = None, channels: Sequence[str] = CHANNELS
) -> Iterator[FakeSlack]:
    """A fake Slack in a process of its own, ended on leaving; its log is in `tmp_path`."""
    log = tmp_path / "slack.log"
    command = [sys.executable, "-I", __file__, "--log", str(log), "--plan", json.dumps(plan or {})]
    for channel in channels:
        command += ["--channel", channel]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.strip().isdigit(), f"the fake Slack did not start: {line!r}"
        yield FakeSlack(port=int(line), log=log)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description="A fake Slack for tests.")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--plan", type=json.loads, default={})
    parser.add_argument("--channel", action="append")
    options = parser.parse_args()
    server = Server(Workspace(options.log, options.plan, options.channel or CHANNELS))
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
