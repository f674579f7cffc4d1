"""What filters need to look at the texts of strangers: folded forms, and patterns that take no longer for mean ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr

# Signs that are not shown: Unicode says that they may be ignored (DerivedCoreProperties.txt).
UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
NO_WORD, NO_HOST, HOST_ENDS = r"(?:^|$|[^\pL\pN_])", r"(?:^|[^\pL\pN-])", r"\.*(?:$|[^\pL\pN.-])"
SECRET_CHARACTERS = 16
PATTERN_CHARACTERS = 200


def plain(text: str) -> str:
    """Return a text without what makes the same word look new: case, wide or styled letters, signs of no width."""
    return unicodedata.normalize("NFKC", UNSEEN.sub("", text)).casefold()


def compiled(pattern: str) -> Any:
    """Return a pattern of RE2, which takes a time that grows with the text alone. Raises ValueError."""
    # Plugins in processes of their own load this module, and rarely need it.
    import re2

    try:
        return re2.compile(pattern)
    except re2.error as error:
        why = error.args[0] if error.args else ""
        said = why.decode(errors="replace") if isinstance(why, bytes) else why
        raise ValueError(f"this is no RE2 pattern ({said})") from None


def words_pattern(words: Iterable[str]) -> str:
    """Return the pattern that finds whole words in a plain text; `spam*` is all that begins so."""
    return f"{NO_WORD}(?:{'|'.join(map(_word, words))}){NO_WORD}"


def domains_pattern(domains: Iterable[str]) -> str:
    """Return the pattern that finds links to domains, and to those below them, in a plain text."""
    hosts = (_quoted(plain(domain).removeprefix("*.")).replace(r"\.", "[.\u3002]") for domain in domains)
    return f"{NO_HOST}(?:{'|'.join(hosts)}){HOST_ENDS}"


def _word(word: str) -> str:
    said = r"\s+".join(map(_quoted, plain(word.rstrip("*")).split()))
    return said + r"[\pL\pN_]*" * word.endswith("*")


def _quoted(text: str) -> str:
    import re2

    return str(re2.escape(text))


def _as_said(word: str) -> str:
    if not plain(word).strip("* "):
        raise ValueError("it needs more than spaces and stars, or every text would have it")
    return word.strip()


def _is_address(url: SecretStr) -> SecretStr:
    if not re.fullmatch(r"https?://[^\s@/?#\\]+(/\S*)?", url.get_secret_value()):
        raise ValueError("this is no http:// or https:// address without a user and a password")
    return url


def _is_long(secret: SecretStr) -> SecretStr:
    if len(secret) < SECRET_CHARACTERS:
        raise ValueError(f"it must have {SECRET_CHARACTERS} characters or more")
    return secret


# What settings of filters and of other servers are.
Word = Annotated[str, Field(max_length=PATTERN_CHARACTERS), AfterValidator(_as_said)]
Pattern = Annotated[str, Field(max_length=PATTERN_CHARACTERS), AfterValidator(lambda text: compiled(text).pattern)]
# Whoever knows the address of a chat's hook may write there, so it is a secret as well.
Url = Annotated[SecretStr, AfterValidator(_is_address)]
Secret = Annotated[SecretStr, AfterValidator(_is_long)]
