"""What a web configuration file needs that is not always installed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from ipcctl.exporter.tls import _openssl_name
from ipcctl.exporter.webconfig import BadWebConfig, WebConfig, WebConfigFile

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$2y$10$" + "a" * 53


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize(("module", "package"), [("yaml", "PyYAML"), ("bcrypt", "bcrypt")])
def test_a_missing_package_is_named_with_what_to_install(
    module: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users: {{a: {HASH}}}\n")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadWebConfig, match=rf"{package} is not installed") as error:
        WebConfigFile(str(path), silent)
    assert 1 == error.value.exit_code
    assert "ipcctl[web]" in f"{error.value} {error.value.hint}"


def test_an_empty_file_is_plain_http_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text("# nothing yet\n")
    config = WebConfigFile(str(path), silent).current()
    assert config.admits("")
    assert WebConfig(None, None, ()) == config


@pytest.mark.parametrize(
    ("go", "openssl"),
    [
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"),
        ("TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"),
    ],
)
def test_cipher_suites_have_two_names(go: str, openssl: str) -> None:
    assert openssl == _openssl_name(go)
