"""API keys as text: `gradus_<kid>_<secret>`, checkable without a database and stored only as a digest.

The secret is 37 base62 characters (220 bits) and six more that spell the CRC-32 of all before them, so a
typing error is refused at once and a secret scanner can tell a key from noise.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KID_CHARACTERS = 12
SECRET_CHARACTERS = 37
CHECK_CHARACTERS = 6
_FORM = re.compile(
    rf"gradus_(?P<kid>[0-9A-Za-z]{{{KID_CHARACTERS}}})_"
    rf"[0-9A-Za-z]{{{SECRET_CHARACTERS}}}(?P<check>[0-9A-Za-z]{{{CHECK_CHARACTERS}}})"
)


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A new key: its public part, and the whole text that is shown once and stored nowhere."""

    kid: str
    text: str

    def __repr__(self) -> str:
        return f"Token(kid={self.kid!r})"


def new_token() -> Token:
    """Return a new random key."""
    kid = _random(KID_CHARACTERS)
    stem = f"gradus_{kid}_{_random(SECRET_CHARACTERS)}"
    return Token(kid=kid, text=stem + _check(stem))


def parse_token(token: str) -> str | None:
    """Return the public part of a well-formed key, none when its form or its check characters are wrong."""
    parts = _FORM.fullmatch(token)
    if parts is None or parts["check"] != _check(token[:-CHECK_CHARACTERS]):
        return None
    return parts["kid"]


def token_digest(token: str, *, secret: bytes) -> bytes:
    """Return HMAC-SHA256(secret key, token): what is stored, useless without the server's secret."""
    return hmac.new(secret, token.encode(), hashlib.sha256).digest()


def _random(characters: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(characters))


def _check(stem: str) -> str:
    value = zlib.crc32(stem.encode())
    spelled = ""
    for _ in range(CHECK_CHARACTERS):
        value, digit = divmod(value, 62)
        spelled = BASE62[digit] + spelled
    return spelled
