"""A server on the loopback address for a page that follows its spec: GET `/`, `/data`, and `/changes`, which tells of each change."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from spec_lang.view.page import page

PERIOD: Final = 0.2
"""Seconds between looks at the files."""
ALIVE: Final = 15.0
"""Seconds after which a quiet stream of changes says that it is there."""
LOOPBACK: Final = "127.0.0.1"

Content = Mapping[str, Any]


class Live:
    """What the page shows now; those who wait are told when it changes."""

    def __init__(self, title: str, content: Content) -> None:
        self.title = title
        self._changed = threading.Condition()
        self._content = content
        self._version = 0

    @property
    def content(self) -> Content:
        with self._changed:
            return self._content

    @property
    def version(self) -> int:
        """How many contents there were before."""
        with self._changed:
            return self._version

    def show(self, content: Content) -> None:
        """Take new content; equal content changes nothing."""
        with self._changed:
            if content != self._content:
                self._content = content
                self._version += 1
                self._changed.notify_all()

    def after(self, version: int) -> int:
        """The version now, once it is another one or some time has passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != version, ALIVE)
            return self._version


def server(live: Live, port: int = 0) -> ThreadingHTTPServer:
    """A server that is bound, but does not serve yet.

    Raises:
        OSError: the port is taken.
    """

    class Handler(_Handler):
        shown = live

    made = ThreadingHTTPServer((LOOPBACK, port), Handler)
    made.daemon_threads = True
    return made


def follow(live: Live, compile: Callable[[], Content], watched: Callable[[], Iterable[Path]]) -> None:
    """Compile again whenever a file has changed and has then been left alone for a moment; it does not return."""
    done = before = _state(watched())
    while True:
        time.sleep(PERIOD)
        now = _state(watched())
        if now == before and now != done:
            done = now
            live.show(compile())
        before = now


def _state(paths: Iterable[Path]) -> dict[Path, tuple[int, int] | None]:
    """What tells a file's contents from earlier ones."""
    found: dict[Path, tuple[int, int] | None] = {}
    for path in paths:
        try:
            about = path.stat()
            found[path] = (about.st_mtime_ns, about.st_size)
        except OSError:
            found[path] = None
    return found


class _Handler(BaseHTTPRequestHandler):
    shown: Live
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, ThreadingHTTPServer)
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.FORBIDDEN, "this is no name of the loopback address")
        elif self.path == "/":
            self._send("text/html", page(self.shown.title, self.shown.content, live=True))
        elif self.path == "/data":
            self._send("application/json", json.dumps({**self.shown.content, "live": True}))
        elif self.path == "/changes":
            self._changes()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _changes(self) -> None:
        """A stream of events: one for each change, and a comment now and then."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        version = self.shown.version
        try:
            while True:
                now = self.shown.after(version)
                self.wfile.write(b": here\n\n" if now == version else f"data: {now}\n\n".encode())
                self.wfile.flush()
                version = now
        except OSError:  # the page was closed
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests."""
