"""Texts from anywhere made harmless for the markup of each channel, and cut to its limits. Pure.

They come from alarms, instances and logs: a text may look like a tag, a mention of everybody or a link, and must come
out as the text that it is.
"""

import re

from firstbell.oncall.texts import cut, one_line

_EVERYBODY = re.compile(r"@(?=channel|here|everyone|all\b|room\b|team\b)", re.IGNORECASE)
_MARKUP = re.compile(r"(?<!\w)[*_~`]|[*_~`](?!\w)")  # inside a word, as in a metric's name, they mean nothing to Slack
_HALF = re.compile(r"&[a-z]{0,3}$")
GAP = "\u200b"  # a space without width: what it parts is no mention and no markup any more


def plain(text: str, longest: int) -> str:
    """One line in which nobody is mentioned, for channels that make what they want of a text."""
    return cut(_EVERYBODY.sub(f"@{GAP}", one_line(text, longest)), longest)


def slack(text: str, longest: int) -> str:
    """One line as mrkdwn that has no links, mentions or styles; at most `longest` characters once it is escaped.

    Slack has three characters to escape (docs.slack.dev, "Formatting message text") and none that escapes a style.
    """
    flat = _MARKUP.sub(lambda found: f"{GAP}{found[0]}{GAP}", plain(text, longest))
    escaped = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped if len(escaped) <= longest else f"{_HALF.sub('', escaped[: longest - 1])}…"


def lines(heading: str, texts: tuple[str, ...], longest: int) -> str:
    """Lines that are escaped already below a heading, as many as fit into `longest` characters, and how many do not."""
    kept, room = [heading], longest - len(heading) - len("\n… and 99 more")
    for n, text in enumerate(texts):
        room -= len(text) + 3
        if room < 0:
            return "\n".join([*kept, f"… and {len(texts) - n} more"])
        kept.append(f"• {text}")
    return "\n".join(kept)
