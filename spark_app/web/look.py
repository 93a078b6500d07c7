"""How things look and read: colours that all can tell apart, numbers with units, and text that stays text."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# Okabe and Ito 2008, in the order in which they are used; yellow is left out, for it is too pale on white.
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#5d6d3b")
GREY = "#7d8894"
ABSENT = "–"
MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">'
    '<g fill="none" stroke="#0072b2" stroke-width="3" stroke-linecap="round"><circle cx="16" cy="13" r="9"/>'
    '<path d="M16 4v18M7 13h18M9.6 6.6l12.8 12.8M22.4 6.6L9.6 19.4"/></g>'
    '<path d="M2 28q3.5-4 7 0t7 0 7 0 7 0" fill="none" stroke="#56b4e9" stroke-width="3" stroke-linecap="round"/></svg>'
)
# Streamlit leaves a hand's breadth above each page, and its captions are too pale to be read by all.
STYLE = (
    ".stMainBlockContainer { padding-top: 3rem; padding-bottom: 3rem; } "
    '[data-testid="stCaptionContainer"] { color: inherit; opacity: 0.8; }'
)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=@&])")
# What becomes a link without being marked up; a sign that is not seen keeps it from that.
_ADDRESS = re.compile(r"(?i)(?<=http|ttps)(?=:)|(?<=www)(?=\.)|(?=@)")
_UNSEEN = "\u2060"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
# What a measure is called, and what to make of it.
METRICS = {
    "ndcg_at_10": "NDCG@10",
    "recall_at_10": "Recall@10",
    "precision_at_10": "Precision@10",
    "map_at_10": "MAP@10",
    "hit_rate_at_10": "Hit rate@10",
    "coverage": "Coverage",
    "novelty": "Novelty (bits)",
    "rmse": "RMSE",
    "users_judged": "Users judged",
}
# What the baselines of a generation are called.
BASELINES = {"popular": "popularity", "published": "the one before"}


def plain(text: object) -> str:
    """Text where Streamlit would read Markdown: every sign that means something there stands for itself."""
    return _MARKDOWN.sub(r"\\\1", _ADDRESS.sub(_UNSEEN, _CONTROL.sub(" ", str(text))))


def with_commands(text: str) -> str:
    """Text in which only what stands between backticks is marked up, as a command."""
    parts = _CONTROL.sub(" ", text).split("`")
    if len(parts) % 2 == 0:
        return plain(text)
    return "".join(f"`{part}`" if number % 2 and part.strip() else plain(part) for number, part in enumerate(parts))


def count(number: float | None) -> str:
    """Such as 406,829."""
    return ABSENT if number is None else f"{number:,.0f}"


def of_kind(number: int, one: str, several: str = "") -> str:
    """Such as 1 user, 2,000 users."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def decimal(number: float | None, places: int = 4) -> str:
    """Such as 0.1034; absent where there is none."""
    return ABSENT if number is None else f"{number:,.{places}f}"


def quantity(number: float | None, unit: str = "") -> str:
    """Three digits that count, such as 1,240 or 0.0312; a share as 31.2 %."""
    if number is None:
        return ABSENT
    if unit == "share":
        return f"{100 * number:.1f} %"
    if abs(number) >= 100 or number == 0:
        return f"{number:,.0f}"
    return f"{float(f'{number:.3g}'):,.10g}"


def feature(name: str, unit: str = "") -> str:
    """A feature of users with its unit, where that says more, such as recency (days)."""
    own = name.replace("_", " ")
    return own if not unit or unit in own else f"{own} ({unit})"


def share(part: float, whole: float) -> str:
    """Such as 3.2 %."""
    return f"{100 * part / whole:.1f} %" if whole else ABSENT


def span(seconds: float | None) -> str:
    """Such as 2 h 5 min."""
    if seconds is None:
        return ABSENT
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join([f"{number:,} {unit}" for number, unit in parts if number][:2]) or "0 s"


def when(text: str | None) -> str:
    """A time in UTC to the minute, such as 2026-11-26 01:58 UTC."""
    return f"{moment(text):%Y-%m-%d %H:%M} UTC" if text else ABSENT


def moment(text: str) -> datetime:
    """A time as the API says it; what has no zone is UTC."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def short(generation: str | None) -> str:
    """The end of a generation's id, which tells it from others."""
    return generation.rpartition("-")[2] if generation else ABSENT


def called(product: Mapping[str, Any]) -> str:
    """A product's name with its id, or its id alone."""
    name = product.get("name")
    return f"{name} ({product['product']})" if name else str(product["product"])
