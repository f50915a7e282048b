"""Who may scrape: TLS, client certificates, passwords, and their file while it changes."""

from __future__ import annotations

import http.client
import re
import ssl
from typing import TYPE_CHECKING

import bcrypt
import pytest

from tests.live import certificates, cli
from tests.live.cli import TIMEOUT
from tests.live.served import Exporter, eventually, serve

if TYPE_CHECKING:
    from pathlib import Path

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    """A directory with an authority, a server, a client, and a client of somebody else."""
    certificates.require_openssl()
    certificates.make_authority(tmp_path)
    certificates.make_authority(tmp_path, "other")
    certificates.issue(tmp_path, "server")
    certificates.issue(tmp_path, "prometheus", alternative="DNS:prometheus.example.org")
    certificates.issue(tmp_path, "grafana", alternative="DNS:grafana.example.org")
    certificates.issue(tmp_path, "stranger", authority="other")
    return tmp_path


TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CLIENTS = f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"


def web_config(directory: Path, text: str) -> str:
    """Write the file in one step, as whoever changes it on a live server should."""
    path = directory / "web.yml"
    (directory / "web.new").write_text(text)
    (directory / "web.new").rename(path)
    return str(path)


def test_passwords_are_asked_for_on_every_path(tmp_path: Path) -> None:
    config = web_config(tmp_path, f"basic_auth_users:\n  prometheus: {HASH}\n")
    with serve("--web.config.file", config) as exporter:
        for path in ("/metrics", "/", "/healthz", "/other"):
            assert (401, "Basic") == (exporter.get(path).status, exporter.get(path).headers["WWW-Authenticate"])
        assert 200 == exporter.get(login="prometheus:secret").status
        for wrong in (
            "prometheus:Secret",
            "prometheus:",
            "nobody:secret",
            ":",
            "prometheus",
            "prometheus:" + "x" * 100,
        ):
            assert 401 == exporter.get(login=wrong).status, wrong
        assert 401 == exporter.get(authorization="Basic %%%").status
        assert 401 == exporter.get(authorization="Bearer secret").status


def test_tls_serves_those_who_speak_it_and_refuses_plain_http(tls: Path) -> None:
    config = web_config(tls, TLS)
    with serve("--web.config.file", config, security=certificates.client(tls)) as exporter:
        assert 200 == exporter.get().status
        with pytest.raises(ssl.SSLCertVerificationError):
            exporter.get(security=certificates.client(tls, authority="other"))
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            _get_plain(exporter)


def _get_plain(exporter: Exporter) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", exporter.ports[0], timeout=TIMEOUT)
    try:
        connection.request("GET", "/metrics")
        connection.getresponse()
    finally:
        connection.close()


def refused(exporter: Exporter, security: ssl.SSLContext) -> bool:
    """Whether a client does not get through. In TLS 1.3 it learns so when it reads."""
    try:
        exporter.get(security=security)
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        return True
    return False


def test_client_certificates_are_verified_and_can_be_restricted_by_name(tls: Path) -> None:
    config = web_config(tls, CLIENTS)
    with serve("--web.config.file", config, security=certificates.client(tls, "prometheus")) as exporter:
        assert 200 == exporter.get().status
        assert refused(exporter, certificates.client(tls))
        assert refused(exporter, certificates.client(tls, "stranger"))
        assert 200 == exporter.get(security=certificates.client(tls, "grafana")).status
        web_config(tls, f"{CLIENTS}  client_allowed_sans: [Prometheus.example.org]\n")
        eventually(lambda: refused(exporter, certificates.client(tls, "grafana")), "the other name is refused")
        assert 200 == exporter.get().status


def test_changed_configuration_is_read_again_and_a_bad_one_refused(tls: Path) -> None:
    config = web_config(tls, f"basic_auth_users: {{a: {HASH}}}\n")
    with serve("--web.config.file", config) as exporter:
        kept = exporter.connect()
        assert 200 == exporter.get(login="a:secret").status
        web_config(tls, "basic_auth_users: [\n")
        assert 200 == exporter.get(login="a:secret").status
        exporter.until_said("what was read before stays in force")
        assert 401 == exporter.get().status
        headers = "http_server_config: {headers: {X-Frame-Options: deny}}\n"
        web_config(tls, f"basic_auth_users: {{b: {HASH}}}\n{headers}")
        assert [401, 200] == [exporter.get(login=f"{name}:secret").status for name in "ab"]
        assert "deny" == exporter.get(login="b:secret").headers["X-Frame-Options"]
        web_config(tls, TLS)
        exporter.security = certificates.client(tls)
        assert 200 == exporter.get().status
        first = exporter.get
        certificates.make_authority(tls, "next")
        certificates.issue(tls, "server", authority="next")  # a certificate renewed in place
        assert 200 == first(security=certificates.client(tls, authority="next")).status
        kept.close()


BAD = {
    "nothing.yml": (None, "No such file"),
    "broken.yml": ("tls_server_config: [", "no YAML"),
    "list.yml": ("- a\n", "expected names with values"),
    "unknown.yml": ("basic_auth: {}\n", "unknown name 'basic_auth'"),
    "nohash.yml": ("basic_auth_users: {a: secret}\n", "no bcrypt hash"),
    "nokey.yml": ("tls_server_config: {cert_file: server.crt}\n", "cert_file and key_file are both needed"),
    "absent.yml": ("tls_server_config: {cert_file: a.crt, key_file: a.key}\n", "a.crt"),
    "garbage.yml": ("tls_server_config: {cert_file: garbage.yml, key_file: garbage.yml}\n", "no usable certificate"),
    "any.yml": (f"{TLS}  client_auth_type: RequireAnyClientCert\n", "client_auth_type: 'RequireAnyClientCert'"),
    "noca.yml": (f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n", "needs client_ca_file"),
    "unused.yml": (f"{TLS}  client_ca_file: ca.crt\n", "client_ca_file without"),
    "version.yml": (f"{TLS}  min_version: TLS10\n", "min_version: 'TLS10'"),
    "ciphers.yml": (f"{TLS}  cipher_suites: [TLS_NO_WITH_NO]\n", "cipher_suites"),
    "header.yml": ("http_server_config: {headers: {X-Frame-Options: maybe}}\n", "bad value 'maybe'"),
    "split.yml": ('http_server_config: {headers: {X-XSS-Protection: "1\\r\\nX: y"}}\n', "bad value"),
    "binary.yml": ("\0", "no YAML"),
}


def test_bad_configuration_is_an_error_at_the_start(tls: Path) -> None:
    from ipcctl.exporter.webconfig import BadWebConfig, WebConfigFile

    for name, (text, why) in BAD.items():
        if text is not None:
            (tls / name).write_text(text)
        with pytest.raises(BadWebConfig, match=re.escape(why)) as error:
            WebConfigFile(str(tls / name), lambda _: None)
        assert name in str(error.value)
    result = cli.run("exporter", "--web.config.file", tls / "unknown.yml")
    assert (1, "") == (result.code, result.out)
    assert "unknown name 'basic_auth'; accepted: tls_server_config" in result.err


def test_usual_tls_settings_of_the_toolkit_are_understood(tls: Path) -> None:
    settings = """\
  min_version: TLS12
  max_version: TLS12
  prefer_server_cipher_suites: false
  cipher_suites:
  - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
  - TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
  - TLS_AES_128_GCM_SHA256
  curve_preferences: [CurveP256]
http_server_config: {http2: true}
"""
    config = web_config(tls, TLS + settings)
    with serve("--web.config.file", config, security=certificates.client(tls)) as exporter:
        connection = exporter.connect()
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        cipher = connection.sock.cipher()
        connection.close()
    assert cipher is not None
    assert ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2") == cipher[:2]
