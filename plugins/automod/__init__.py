"""Looking after posts: unwanted words, patterns and links, repetitions and floods."""

from __future__ import annotations

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
    found, since = settings.finds, "since these rules are in force"
    return [
        _table(found, f"The latest {FINDS} finds {since}") if found else f"Nothing was found {since}.",
        bbs.Form(dry_run),
    ]


@bbs.action("Try the rules", scope="posts:read", records=False)
async def dry_run(server: bbs.Server, settings: Rules, posts: int = 1000) -> bbs.Content:
    """Judge the newest posts, 1,000 at the most, and do nothing about them."""
    rules, newest = settings.model_validate(settings.model_dump()), await server.posts(posts)
    found = [find for one in newest if (find := rules.judge(one.username, one.text, one.at_ms))]
    rows = [(*key, count) for key, count in Counter((one.rule, one.deed) for one in found).most_common()]
    tables = [bbs.Table(("Rule", "Deed", "Posts"), rows, "By rule"), _table(rules.finds, "The newest of them")]
    return [f"Of {len(newest):,} posts {len(found):,} would have been found.", *(tables if found else [])]


def _table(found: list[Find], caption: str) -> bbs.Table:
    rows = [(bbs.Time(at_ms), who[:SHOWN], rule, deed, text[:SHOWN]) for at_ms, who, rule, deed, text in found]
    return bbs.Table(("When", "Who", "Rule", "Deed", "Post"), rows, caption)
