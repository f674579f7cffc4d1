"""Passwords of staff, as argon2id hashes; each takes a tenth of a second, so never on the loop."""

from __future__ import annotations

import threading
import unicodedata

import argon2

from bbs_core.errors import InvalidAct

PASSWORD_MINIMUM = 10
PASSWORD_LIMIT = 1000
# A hash takes 64 MiB and a tenth of a second of every core: two at a time is what a small machine bears.
HASHES_AT_ONCE = 2

_hasher = argon2.PasswordHasher()
_room = threading.BoundedSemaphore(HASHES_AT_ONCE)
# The hash of a password that was thrown away, made with the parameters of `_hasher`.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$URZqCOat/nDUgDLsBOTbpw$ev3c7LQ9MDeJ2BIO+vdmCYOrgYqMhd+1mATYxZ0cf2c"


def hash_password(password: str) -> str:
    """Return the argon2id hash; takes a tenth of a second, so never on the loop. Raises InvalidAct."""
    if len(password) < PASSWORD_MINIMUM:
        raise InvalidAct(f"A password has at least {PASSWORD_MINIMUM} characters.")
    if len(password) > PASSWORD_LIMIT:
        raise InvalidAct(f"A password has at most {PASSWORD_LIMIT} characters.")
    with _room:
        try:
            return _hasher.hash(unicodedata.normalize("NFC", password))
        except UnicodeEncodeError:
            raise InvalidAct("A password has whole characters only.") from None


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password has this hash; for None as slow, so that nobody learns which names exist."""
    with _room:
        try:
            _hasher.verify(password_hash or _NOBODY, unicodedata.normalize("NFC", password))
        except argon2.exceptions.VerificationError:
            return False
    return password_hash is not None
