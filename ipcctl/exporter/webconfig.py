"""The web configuration file of Prometheus' exporter-toolkit: TLS, client certificates, passwords, headers.

It is read again when it, or a certificate that it names, has changed. A bad file is refused: at the start that is an
error, later the last good one stays in force.
"""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from ipcctl.errors import IpcctlError
from ipcctl.exporter.passwords import Passwords
from ipcctl.exporter.tls import TLS_KEYS, Security, read_security

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECTIONS = ("tls_server_config", "http_server_config", "basic_auth_users")
_HTTP_KEYS = ("http2", "headers")
# The toolkit takes these and no others; the values that it takes for each.
_HEADERS = {
    "Content-Security-Policy": r".*",
    "X-Frame-Options": r"deny|sameorigin|",
    "X-Content-Type-Options": r"nosniff|",
    "X-XSS-Protection": r".*",
    "Strict-Transport-Security": r".*",
}


class BadWebConfig(IpcctlError, ValueError):
    """The web configuration file cannot be used."""

    hint = "the format is exporter-toolkit's: ipcctl-exporter(8), WEB CONFIGURATION"


class WebConfig(NamedTuple):
    """One state of the file."""

    security: Security | None = None  # None = plain HTTP
    passwords: Passwords | None = None  # None = everybody
    headers: tuple[tuple[str, str], ...] = ()

    def admits(self, authorization: str) -> bool:
        """Whether a request with this Authorization header is answered."""
        return self.passwords is None or self.passwords.admit(authorization)


Signature = tuple[tuple[str, int, int, int], ...]


class WebConfigFile:
    """The file as it was good last."""

    def __init__(self, path: str | None, report: Callable[[str], None]) -> None:
        """Read *path* (None = plain HTTP for everybody). Raises BadWebConfig; later troubles go to *report*."""
        self._path = path
        self._report = report
        self._lock = threading.Lock()
        self._config = WebConfig()
        self._files: tuple[str, ...] = ()
        self._signature: Signature = ()
        if path is not None:
            self._read(path)

    def current(self) -> WebConfig:
        """The configuration in force now."""
        if self._path is None:
            return self._config
        with self._lock:
            if _signature(self._files) != self._signature:
                try:
                    self._read(self._path)
                    self._report(f"{self._path}: read again")
                except BadWebConfig as error:
                    self._report(f"{error}; what was read before stays in force")
            return self._config

    def _read(self, path: str) -> None:
        self._files = (path, *self._files[1:])
        self._signature = _signature(self._files)
        config, files = read_web_config(path)
        self._config, self._files = config, (path, *files)
        self._signature = _signature(self._files)


def _signature(files: tuple[str, ...]) -> Signature:
    """What tells whether one of *files* was changed or exchanged."""
    found = []
    for path in files:
        try:
            status = os.stat(path)
            found.append((path, status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            found.append((path, 0, 0, 0))
    return tuple(found)


def read_web_config(path: str) -> tuple[WebConfig, tuple[str, ...]]:
    """The configuration in *path*, and the other files that it is made of. Raises BadWebConfig."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise BadWebConfig(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        return _made(path, _section(_parsed(path, text), _SECTIONS))
    except BadWebConfig as error:
        raise BadWebConfig(f"{path}: {error}", hint=error.hint) from error.__cause__


def _made(path: str, content: Mapping[str, Any]) -> tuple[WebConfig, tuple[str, ...]]:
    security: Security | None = None
    files: tuple[str, ...] = ()
    if content.get("tls_server_config") is not None:
        tls = _section(content["tls_server_config"], TLS_KEYS, "tls_server_config")
        try:
            security, files = read_security(tls, os.path.dirname(path))
        except (OSError, ValueError) as error:
            raise BadWebConfig(f"tls_server_config: {error}") from error
    passwords = None
    if content.get("basic_auth_users"):
        users = _section(content["basic_auth_users"], None, "basic_auth_users")
        try:
            passwords = Passwords(users)
        except ValueError as error:
            raise BadWebConfig(f"basic_auth_users: {error}") from error
    return WebConfig(security, passwords, _headers(content.get("http_server_config"))), files


def _parsed(path: str, text: str) -> Any:  # noqa: ANN401  whatever stands there
    try:
        import yaml
    except ImportError as error:
        message = f"{path}: PyYAML is not installed, so this file cannot be read"
        raise BadWebConfig(message, hint="python3 -m pip install 'ipcctl[web]'; on Debian: python3-yaml") from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadWebConfig(f"no YAML: {' '.join(str(error).split())}") from error


def _section(content: Any, keys: tuple[str, ...] | None, where: str = "") -> Mapping[str, Any]:  # noqa: ANN401
    """A mapping with no key but *keys* (None = any). An empty file is an empty mapping."""
    place = f"{where}: " if where else ""
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BadWebConfig(f"{place}expected names with values, found {type(content).__name__}")
    for key in content:
        if not isinstance(key, str) or (keys is not None and key not in keys):
            accepted = f"; accepted: {' '.join(keys)}" if keys else ""
            raise BadWebConfig(f"{place}unknown name {key!r}{accepted}")
    return content


def _headers(content: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401
    section = _section(content, _HTTP_KEYS, "http_server_config")
    if not isinstance(section.get("http2", True), bool):
        raise BadWebConfig("http_server_config: http2 is true or false")
    headers = _section(section.get("headers"), tuple(_HEADERS), "http_server_config: headers")
    for name, value in headers.items():
        good = isinstance(value, str) and value.isascii() and value.isprintable()
        if not good or not re.fullmatch(_HEADERS[name], value):
            raise BadWebConfig(f"http_server_config: headers: {name}: bad value {value!r}")
    return tuple((name, value) for name, value in headers.items() if value)
