"""Looking after posts: unwanted words, patterns and links, repetitions and floods."""

from __future__ import annotations

import asyncio
from collections import Counter

from bbs_core import plugin as bbs
from plugins.automod.rules import FINDS, SHOWN, Find, Rules

bbs.settings(Rules)


@bbs.hookimpl
@bbs.never_blocks
def bbs_screen_post(session: bbs.Session, text: str, settings: Rules) -> bbs.Verdict:
    """Judge a post by the rules."""
    find = settings.judge(session.username, text, bbs.now_ms())
    if find is None or find.deed == "log":
        return None
    if find.deed == "hold":
        return bbs.Hold(f"automod: {find.rule}")
    return bbs.Refuse(find.rule) if find.deed == "refuse" else bbs.Mute(find.rule, settings.mute_minutes)


@bbs.page("Automod", scope="posts:read")
def show_finds(settings: Rules) -> bbs.Content:
    """Show what was found."""
    found, since = settings.finds, "found since these rules are in force"
    nothing = f"Nothing was {since}. They are set on the page of the plugin."
    return [_table(found, f"What was {since}, {FINDS} at the most") if found else nothing, bbs.Form(dry_run)]


@bbs.action("Try the rules", scope="posts:read", records=False)
async def dry_run(server: bbs.Server, settings: Rules, posts: int = 1000) -> bbs.Content:
    """Judge the newest posts, 1,000 at the most, and do nothing about them."""
    rules, newest = settings.model_validate(settings.model_dump()), await server.posts(posts)
    counts: Counter[tuple[str, str]] = Counter()
    for one in newest:
        if find := rules.judge(one.username, one.text, one.at_ms):
            counts[find.rule, find.deed] += 1
        await asyncio.sleep(0)  # the board serves others in between
    rows = [(*key, count) for key, count in counts.most_common()]
    tables = [bbs.Table(("Rule", "Deed", "Posts"), rows, "By rule"), _table(rules.finds, "The newest of them")]
    return [f"Of {len(newest):,} posts {counts.total():,} would have been found.", *(tables if counts else [])]


@bbs.hookimpl
async def bbs_forget_user(user: bbs.User, settings: Rules) -> str | None:
    """Forget the user's posts that were found or counted."""
    return "What was found of the user was forgotten." if settings.forget(user.name) else None


def _table(found: list[Find], caption: str) -> bbs.Table:
    rows = [(bbs.Time(at_ms), who[:SHOWN], rule, deed, text[:SHOWN]) for at_ms, who, rule, deed, text in found]
    return bbs.Table(("When", "Who", "Rule", "Deed", "Post"), rows, caption)
