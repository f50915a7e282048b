"""The requests that the exporter answers: the metrics, the landing page, its health."""

from __future__ import annotations

import gzip
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from prometheus_client.exposition import choose_encoder, gzip_accepted

from ipcctl import __version__
from ipcctl.errors import UsageError
from ipcctl.exporter.connections import IDLE, PATIENCE, READING, WORKING
from ipcctl.exporter.landing import landing_page
from ipcctl.exporter.scrape import check_collectors
from ipcctl.exporter.server import SLOWEST

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from prometheus_client.core import Metric

    from ipcctl.exporter.scrape import Scraper
    from ipcctl.exporter.server import Server

HEALTH = "/healthz"
_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"


class Site:
    """What is served where."""

    def __init__(self, scraper: Scraper, metrics: str) -> None:
        """Serve the scrapes of *scraper* at the path *metrics*."""
        self.scraper = scraper
        self.metrics = metrics

    def handle(self, connection: socket.socket, server: Server) -> None:
        """Answer the requests of one connection."""
        _Handler(connection, server, self)

    def answer(self, path: str) -> Callable[[_Handler, str], None] | None:
        """Who answers for *path*."""
        if path == self.metrics:
            return _Handler.send_metrics
        return {HEALTH: _Handler.send_health, "/": _Handler.send_landing}.get(path)


class _Families:
    """A scrape that was made, as the encoders of prometheus_client take it."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Prometheus keeps its connection
    wbufsize = 0  # a buffer that a client does not take would be sent again, and waited for again, at the end
    error_content_type = _TEXT
    error_message_format = "%(code)d %(message)s\n"

    def __init__(self, connection: socket.socket, server: Server, site: Site) -> None:
        self._server = server
        self._site = site
        self._extra: tuple[tuple[str, str], ...] = ()
        super().__init__(connection, ("", 0), server)  # type: ignore[arg-type]  # it is only kept

    def handle_one_request(self) -> None:
        connections, connection = self._server.connections, self.connection
        if not self.rfile.peek(1):  # type: ignore[attr-defined]  # a BufferedReader
            self.close_connection = True
            return
        connections.turn(connection, READING)
        connection.settimeout(SLOWEST)
        super().handle_one_request()
        if self._server.stopping:
            self.close_connection = True
        if not self.close_connection:
            connection.settimeout(PATIENCE[IDLE])
            connections.turn(connection, IDLE)

    def do_GET(self) -> None:
        self._server.connections.turn(self.connection, WORKING)
        config = self._server.config.current()
        self._extra = config.headers
        if not config.admits(self.headers.get("Authorization", "")):
            self._send(HTTPStatus.UNAUTHORIZED, b"401 Unauthorized\n", _TEXT, ("WWW-Authenticate", "Basic"))
            return
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # nobody reads what follows
        path, _, query = self.path.partition("?")
        answer = self._site.answer(path)
        if answer is None:
            self._send(HTTPStatus.NOT_FOUND, b"404 Not Found\n", _TEXT)
        else:
            answer(self, query)

    do_HEAD = do_GET  # noqa: N815  the name that http.server looks for

    def _not_allowed(self) -> None:
        self.close_connection = True
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"405 Method Not Allowed\n", _TEXT, ("Allow", "GET, HEAD"))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _not_allowed  # noqa: N815  likewise

    def send_metrics(self, query: str) -> None:
        only = tuple(parse_qs(query).get("collect[]", ()))
        try:
            check_collectors(only)
        except UsageError as error:
            self._send(HTTPStatus.BAD_REQUEST, f"400 {error}\n{error.hint}\n".encode(), _TEXT)
            return
        off = [name for name in only if name not in self._site.scraper.choice.collectors]
        if off:
            self._send(HTTPStatus.BAD_REQUEST, f"400 collector is off: {' '.join(off)}\n".encode(), _TEXT)
            return
        try:
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        except (TypeError, ValueError):  # a version that is no number
            encode, content_type = choose_encoder("")
        families: Any = _Families(self._site.scraper.families(only))
        body = encode(families)
        if gzip_accepted(self.headers.get("Accept-Encoding", "")):
            self._send(HTTPStatus.OK, gzip.compress(body, 6), content_type, ("Content-Encoding", "gzip"))
        else:
            self._send(HTTPStatus.OK, body, content_type)

    def send_landing(self, _: str) -> None:
        page = landing_page(self._site.metrics, self._site.scraper.choice.collectors)
        self._send(HTTPStatus.OK, page, _HTML)

    def send_health(self, _: str) -> None:
        self._send(HTTPStatus.OK, b"ok\n", _TEXT)

    def _send(self, status: HTTPStatus, body: bytes, content_type: str, *more: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", content_type), ("Content-Length", str(len(body))), *more, *self._extra):
            self.send_header(name, value)
        if self._server.stopping or self.close_connection:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        return f"ipcctl/{__version__}"

    def log_message(self, *_: object) -> None:
        """Nothing: a scrape every few seconds is not worth a line."""


def check_telemetry_path(path: str) -> None:
    """Raise UsageError for a path that the metrics cannot have."""
    if not path.startswith("/") or path == HEALTH or not path.isascii() or set(path) & set(' ?#%"<>') or "//" in path:
        message = f"bad --web.telemetry-path {path!r}"
        raise UsageError(message, hint=f"a path such as /metrics, not {HEALTH}")
