"""The section ``tls_server_config`` of a web configuration file, as Python's ssl can do it."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TLS_KEYS = (
    *("cert_file", "key_file", "client_ca_file", "client_auth_type", "client_allowed_sans"),
    *("min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites", "curve_preferences"),
)

# Go can also ask for a certificate without verifying it (RequestClientCert, RequireAnyClientCert): Python cannot.
_CLIENTS = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"X25519": "X25519", "CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1"}


class Security(NamedTuple):
    """How connections are secured, and which clients may come."""

    context: ssl.SSLContext
    names: tuple[str, ...] = ()  # subjectAltName of a client's certificate, one must match; empty = any

    def admits(self, certificate: Any) -> bool:  # noqa: ANN401  as SSLSocket.getpeercert() tells it
        """Whether a client with this (verified) certificate is served."""
        if not self.names:
            return True
        alternatives = (certificate or {}).get("subjectAltName", ())
        return any(_normal(value) in self.names for _, value in alternatives)


def read_security(section: Mapping[str, Any], base: str) -> tuple[Security, tuple[str, ...]]:
    """What *section* asks for, with paths relative to *base*, and the files read. Raises ValueError, OSError."""
    cert, key, authority = (_path(section, name, base) for name in ("cert_file", "key_file", "client_ca_file"))
    if not cert or not key:
        message = "cert_file and key_file are both needed"
        raise ValueError(message)
    clients = _one_of(section, "client_auth_type", _CLIENTS, ssl.CERT_NONE)
    names = _texts(section, "client_allowed_sans")
    if authority and clients is ssl.CERT_NONE:
        message = "client_ca_file without a client_auth_type that verifies: RequireAndVerifyClientCert"
        raise ValueError(message)
    if clients is not ssl.CERT_NONE and not authority:
        message = f"client_auth_type {section['client_auth_type']} needs client_ca_file"
        raise ValueError(message)
    if names and clients is not ssl.CERT_REQUIRED:
        message = "client_allowed_sans needs client_auth_type RequireAndVerifyClientCert"
        raise ValueError(message)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _tune(context, section)
    _load(cert, lambda: context.load_cert_chain(cert, key, password=_no_password))
    if authority:
        _load(authority, lambda: context.load_verify_locations(authority))
    context.verify_mode = clients
    files = tuple(path for path in (cert, key, authority) if path)
    return Security(context, tuple(map(_normal, names))), files


def _tune(context: ssl.SSLContext, section: Mapping[str, Any]) -> None:
    context.minimum_version = _one_of(section, "min_version", _VERSIONS, ssl.TLSVersion.TLSv1_2)
    context.maximum_version = _one_of(section, "max_version", _VERSIONS, ssl.TLSVersion.TLSv1_3)
    if context.minimum_version > context.maximum_version:
        message = "min_version is above max_version"
        raise ValueError(message)
    preferred = section.get("prefer_server_cipher_suites", True)
    if not isinstance(preferred, bool):
        message = "prefer_server_cipher_suites is true or false"
        raise ValueError(message)  # noqa: TRY004  a mistake in a file, not in the program
    if not preferred:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    suites = [
        _openssl_name(name) for name in _texts(section, "cipher_suites") if "_WITH_" in name or "TLS_" not in name
    ]
    if suites:
        try:
            context.set_ciphers(":".join(suites))
        except ssl.SSLError:
            message = f"cipher_suites: none of them is known here: {' '.join(_texts(section, 'cipher_suites'))}"
            raise ValueError(message) from None
    curves = _texts(section, "curve_preferences")
    if len(curves) > 1 or any(curve not in _CURVES for curve in curves):
        message = f"curve_preferences: one of {' '.join(_CURVES)} (Python's ssl takes no list)"
        raise ValueError(message)
    if curves:
        context.set_ecdh_curve(_CURVES[curves[0]])


def _openssl_name(name: str) -> str:
    """``TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`` as OpenSSL calls it: ``ECDHE-RSA-AES128-GCM-SHA256``."""
    if not re.fullmatch(r"TLS_[A-Z0-9_]+", name):
        message = f"cipher_suites: {name!r} is no name such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        raise ValueError(message)
    exchange, _, cipher = name.removeprefix("TLS_").partition("_WITH_")
    cipher = re.sub(r"AES_(\d+)", r"AES\1", cipher)
    if cipher.startswith("CHACHA20_POLY1305"):
        cipher = "CHACHA20_POLY1305"
    cipher = cipher.replace("AES128_CBC", "AES128").replace("AES256_CBC", "AES256")
    words = [cipher] if exchange == "RSA" else [exchange, cipher]
    return "-".join(words).replace("_", "-")


def _load(path: str, load: Any) -> None:  # noqa: ANN401
    """Name the file in what goes wrong."""
    try:
        load()
    except ssl.SSLError as error:
        message = f"{path}: no usable certificate or key ({error.reason or error})"
        raise ValueError(message) from error
    except OSError as error:
        message = f"{error.filename or path}: {error.strerror}"
        raise ValueError(message) from error


def _no_password() -> str:
    """A server that starts by itself cannot be asked."""
    message = "the key is encrypted; ipcctl cannot ask for its password"
    raise ValueError(message)


def _path(section: Mapping[str, Any], name: str, base: str) -> str:
    text = section.get(name) or ""
    if not isinstance(text, str):
        message = f"{name} is no path"
        raise ValueError(message)  # noqa: TRY004
    if not text:
        return ""
    path = os.path.join(base, text)
    with open(path, "rb"):
        return path


def _one_of(section: Mapping[str, Any], name: str, accepted: Mapping[str, Any], default: Any) -> Any:  # noqa: ANN401
    value = section.get(name)
    if value is None:
        return default
    if value not in accepted:
        message = f"{name}: {value!r}; accepted: {' '.join(filter(None, accepted))}"
        raise ValueError(message)
    return accepted[value]


def _texts(section: Mapping[str, Any], name: str) -> Sequence[str]:
    value = section.get(name) or []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        message = f"{name} is a list of names"
        raise ValueError(message)
    return value


def _normal(name: str) -> str:
    """IP addresses and host names have several spellings."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name.lower()
