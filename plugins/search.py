"""Finding posts by their words."""

from __future__ import annotations

from pydantic import BaseModel, Field

from bbs_core.plugin import Rest, Session, command, example, settings

# Of a row; the answer is kept as notices, of which a session has a bounded number of bytes.
ROW_CHARACTERS = 500


@settings
class Settings(BaseModel):
    """How much is found at once."""

    posts: int = Field(20, ge=1, le=50, description="The newest posts that are shown; a word more finds older ones.")


@command("/search", rate="30/m")
@example("/search tea", like="No post has tea.")
@example("/search ???", like="A search needs a word, with a letter or a digit in it.")
@example("/search", like="Usage: /search <words…>")
async def search(session: Session, words: Rest, settings: Settings) -> list[str]:
    """Find posts by their words: /search green tea.

    The newest posts with all these words are shown as in list, the oldest of them first, also those that list leaves
    out. Words are whole: /search gre* finds what begins so. The first ten count, and signs that are no letters do not.
    Where no spaces stand between words, as in Chinese, a word is all that stands together.
    """
    found = await session.board.search(words, settings.posts + 1)
    if not found:
        return [f"No post has {_short(words, 40)}."]
    rows = [_short(row, ROW_CHARACTERS) for row in found[-settings.posts :]]
    return [*rows, "… and more, all of them older: add a word."] if len(found) > settings.posts else rows


def _short(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
