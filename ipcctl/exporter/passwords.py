"""Basic authentication with bcrypt hashes, as ``htpasswd -B`` makes them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_HASH = re.compile(r"\$2[abxy]?\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_LONGEST = 72  # bytes of a password that bcrypt looks at
_REMEMBERED = 100  # answers: bcrypt is slow on purpose, and Prometheus asks every few seconds


class Passwords:
    """The users and their hashes."""

    def __init__(self, users: Mapping[str, Any]) -> None:
        """Take *users* (name to hash). Raises ValueError for what is no bcrypt hash, or without bcrypt."""
        for name, hashed in users.items():
            if not isinstance(hashed, str) or not _HASH.fullmatch(hashed):
                message = f"the password of {name!r} is no bcrypt hash; make one: htpasswd -nBC 10 {name}"
                raise ValueError(message)
        try:
            import bcrypt
        except ImportError as error:
            message = "bcrypt is not installed; python3 -m pip install 'ipcctl[web]', on Debian python3-bcrypt"
            raise ValueError(message) from error
        self._check = bcrypt.checkpw
        self._users = {name: hashed.encode() for name, hashed in users.items()}
        # Somebody who does not exist must take as long to refuse as somebody with a wrong password.
        self._nobody = next(iter(self._users.values()))
        self._secret = os.urandom(32)
        self._answers: OrderedDict[bytes, bool] = OrderedDict()
        self._lock = threading.Lock()  # one bcrypt at a time: guessing must not take all processors

    def admit(self, authorization: str) -> bool:
        """Whether the header names a user and his password."""
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return False
        return bool(colon) and self._known(name, password.encode())

    def _known(self, name: str, password: bytes) -> bool:
        if len(password) > _LONGEST or b"\0" in password:
            return False
        question = hmac.new(self._secret, name.encode() + b"\0" + password, hashlib.sha256).digest()
        with self._lock:
            answer = self._answers.get(question)
            if answer is None:
                right = self._check(password, self._users.get(name, self._nobody))
                answer = self._answers[question] = right and name in self._users
                if len(self._answers) > _REMEMBERED:
                    self._answers.popitem(last=False)
            return answer
