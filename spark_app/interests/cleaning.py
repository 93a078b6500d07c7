"""A post -> what it says: addresses, mentions and markup are taken out, hashtags are split, every language is kept.

No list of common words is asked, since posts are of any language: how common a word is says its encoder.
"""

import html
import re
import unicodedata
from functools import cache
from itertools import filterfalse

_LINK = re.compile(r"(?:https?://|ftp://|www\.)\S+", re.IGNORECASE)
_MAIL, _MENTION = re.compile(r"(?<!\S)\S+@\S+\.\w+"), re.compile(r"(?<!\w)@[\w.]*\w")
_MARKUP = re.compile(r"<[/!]?[A-Za-z][^<>]*>")
_HASHTAG = re.compile(r"#(\w+)")
# Where a hashtag is split: before a capital that begins a word, at digits, at underscores.
_SEAM = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|(?<=\d)(?=\D)|_+")
# Scripts that put no blanks between words: two neighbouring characters are a word.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_EMOJI = "\u2600-\u27bf\U0001f300-\U0001faff"
# Of ASCII: letters, in lower case; a blank for all else.
_LETTERS = "".join(chr(code).lower() if chr(code).isalpha() else " " for code in range(128))
_LONE = frozenset("abcdefghijklmnopqrstuvwxyz")
# Without any of these there is nothing to be taken out.
_MARK = re.compile(r"[&<:@#]")


def cleaned(text: str) -> str:
    """The text in lower case and compatible characters (NFKC), without what says nothing of its topic."""
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _MARKUP.sub(" ", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if "@" in text:
        text = _MAIL.sub(" ", text)
    if ":" in text or "www" in text.lower():
        text = _LINK.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    if "#" in text:
        text = _HASHTAG.sub(_split, text)
    return " ".join(text.lower().split())


def words(text: str) -> list[str]:
    """The words of a cleaned text: two letters or more; an emoji; pairs of characters where a script has no blanks."""
    if text.isascii():
        return [*filterfalse(_LONE.__contains__, text.translate(_LETTERS).split())]
    found: list[str] = []
    for plain, dense, emoji in _tokens().findall(text):
        if dense:
            found += [dense[at : at + 2] for at in range(len(dense) - 1)] or [dense]
        elif emoji or len(plain) > 1:
            found.append(emoji or plain)
    return found


def read(text: str) -> list[str]:
    """The words of a text as it was posted."""
    if text.isascii() and not _MARK.search(text) and "www" not in text.lower():
        return words(text)
    return words(cleaned(text))


def _split(hashtag: re.Match[str]) -> str:
    return " " + _SEAM.sub(" ", hashtag[1]) + " "


@cache
def _tokens() -> re.Pattern[str]:
    """Runs of letters with the marks that go with them; of dense scripts; one emoji."""
    marks = "".join(
        re.escape(chr(code)) for code in range(0x300, 0xFE30) if unicodedata.category(chr(code)) in {"Mn", "Mc"}
    )
    letter = rf"(?:(?![{_DENSE}])[^\W\d_]|[{marks}])"
    return re.compile(rf"((?![{marks}]){letter}+)|([{_DENSE}]+)|([{_EMOJI}])")
