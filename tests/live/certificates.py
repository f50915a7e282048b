"""Certificates for a test: an authority, a server, clients, made by openssl(1)."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def require_openssl() -> None:
    """Skip where there is none."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")


def make_authority(directory: Path, name: str = "ca") -> None:
    """NAME.key and NAME.crt."""
    _openssl(directory, f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
             f"-keyout {name}.key -out {name}.crt -subj /CN={name}")  # fmt: skip


def issue(directory: Path, name: str, *, authority: str = "ca", alternative: str = "IP:127.0.0.1") -> None:
    """NAME.key and NAME.crt, signed by *authority*."""
    _openssl(directory, f"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
             f"-keyout {name}.key -out {name}.csr -subj /CN={name}")  # fmt: skip
    (directory / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
    _openssl(directory, f"x509 -req -in {name}.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial "
             f"-days 2 -extfile {name}.ext -out {name}.crt")  # fmt: skip


def client(directory: Path, name: str | None = None, *, authority: str = "ca") -> ssl.SSLContext:
    """A client that trusts *authority* and shows the certificate *name*."""
    context = ssl.create_default_context(cafile=str(directory / f"{authority}.crt"))
    if name:
        context.load_cert_chain(directory / f"{name}.crt", directory / f"{name}.key")
    return context


def _openssl(directory: Path, arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments.split()], cwd=directory, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
