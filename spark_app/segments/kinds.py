"""Kinds of users a shop knows, as data: by which numbers one knows them, what they are called, and what to do.

A segment is of the first kind whose conditions all hold. The advice is filled in with the segment's own means, by the
names of the columns that its conditions speak of, and `lift` of money; sizes and shares are told beside it.
"""

import operator
from typing import Literal, NamedTuple

from spark_app.segments.profiles import Profile

Measure = Literal["mean", "lift", "apart"]
Sign = Literal["<", ">="]
# Orders of a user, on average, below which most ordered once, and below which they ordered once or twice.
ONE, FEW = 1.4, 2.5
# Whatever the others do, two weeks are not long.
LONG_AGO: tuple[str, Measure, Sign, float] = ("recency_days", "mean", ">=", 30)


class Condition(NamedTuple):
    """Of one column of a segment: its mean in the column's unit, its lift, or how far it is apart."""

    feature: str
    measure: Measure
    sign: Sign
    bound: float

    def holds(self, profile: Profile) -> bool:
        """Whether the profile meets it: neither a column that is not there nor a lift that says nothing does."""
        found = [getattr(trait, self.measure) for trait in profile.traits if trait.feature == self.feature]
        compare = operator.lt if self.sign == "<" else operator.ge
        return any(value is not None and compare(value, self.bound) for value in found)


class Kind(NamedTuple):
    """What users are called who meet all conditions, and what a shop does; `shown` says whether it shows products."""

    words: str
    advice: str
    conditions: tuple[Condition, ...]
    shown: bool = True

    @property
    def columns(self) -> set[str]:
        """The columns of which the words tell."""
        return {condition.feature for condition in self.conditions}


def _kind(words: str, advice: str, *conditions: tuple[str, Measure, Sign, float], shown: bool = True) -> Kind:
    return Kind(words, advice, tuple(Condition(*condition) for condition in conditions), shown)


KINDS = (
    _kind(
        "returns and hardly an order",
        "Ask what went wrong and settle it: {returns:.0%} of what is known of them are returns. Where their orders are "
        "older than these records, take those in.",
        ("returns", "mean", ">=", 0.5), ("orders", "mean", "<", 1), ("money", "apart", "<", 0),
        shown=False,
    ),
    _kind(
        "wholesale buyers",
        "Offer wholesale terms: prices by quantity, payment on account, a person to ask. They spend {money:,.0f} each, "
        "{lift:.1f} times the mean of all, in orders of {basket:,.0f}.",
        ("money", "lift", ">=", 3), ("money", "apart", ">=", 1), ("basket", "apart", ">=", 0.5),
    ),
    _kind(
        "lookers who never bought",
        "Give a reason for a first order: free delivery, or a lower price on what they looked at. "
        "They came {sessions:.1f} times each and bought nothing.",
        ("orders", "mean", "<", 0.05), ("sessions", "mean", ">=", 1),
    ),
    _kind(
        "regulars who spend much",
        "Reward them and keep them: a club, first access to what is new, thanks in person. "
        "They ordered {orders:.1f} times each and spent {money:,.0f}.",
        ("orders", "apart", ">=", 0.8), ("money", "apart", ">=", 0.8), ("money", "lift", ">=", 1.2),
    ),
    _kind(
        "regulars",
        "Raise what is in the basket: sets, and what goes with what they buy. They ordered {orders:.1f} times each.",
        ("orders", "apart", ">=", 0.8),
    ),
    _kind(
        "buyers who send much back",
        "Find out why: {returns:.0%} of what they buy comes back. Say more of sizes, pictures and what others think.",
        ("returns", "apart", ">=", 1.5), shown=False,
    ),
    _kind(
        "new customers",
        "Lead them to the next order within weeks: thanks, and what others bought next. They came first "
        "{tenure_days:,.0f} days ago and ordered {orders:.1f} times each.",
        ("orders", "mean", "<", FEW), ("tenure_days", "apart", "<", -1), ("recency_days", "apart", "<", 0),
    ),
    _kind(
        "one order long ago",
        "Win them back: one message with what is new and a reason to return. "
        "Their one order is {recency_days:,.0f} days ago; where it brings nothing, write no more.",
        ("orders", "mean", "<", ONE), ("recency_days", "apart", ">=", 0.3), LONG_AGO,
    ),
    _kind(
        "one order lately",
        "Lead them to a second order within weeks: thanks, and what others bought next. "
        "The first is {recency_days:,.0f} days ago.",
        ("orders", "mean", "<", ONE), ("recency_days", "apart", "<", -0.3),
    ),
    _kind(
        "one-time buyers",
        "Lead them to a second order: what others bought next, and a reason to come soon. "
        "They ordered {orders:.1f} times each.",
        ("orders", "mean", "<", ONE),
    ),
    _kind(
        "one or two orders long ago",
        "Win them back: one message with what is new and a reason to return. They ordered {orders:.1f} times each, the "
        "last time {recency_days:,.0f} days ago; where it brings nothing, write no more.",
        ("orders", "mean", "<", FEW), ("orders", "apart", "<", -0.5), ("recency_days", "apart", ">=", 0.3), LONG_AGO,
    ),
    _kind(
        "one or two orders",
        "Lead them to the next order: what others bought next, and a reason to come soon. "
        "They ordered {orders:.1f} times each.",
        ("orders", "mean", "<", FEW), ("orders", "apart", "<", -0.5),
    ),
    _kind(
        "customers of long ago",
        "Win them back before they forget: what is new since, and a reason to return. "
        "They were last here {recency_days:,.0f} days ago.",
        ("recency_days", "apart", ">=", 0.5), LONG_AGO,
    ),
    _kind(
        "customers of late",
        "Make a habit of it: what goes with what they bought, soon after it. "
        "They were here {recency_days:,.0f} days ago.",
        ("recency_days", "apart", "<", -0.5),
    ),
)  # fmt: skip


def of(profile: Profile) -> Kind | None:
    """The first kind whose conditions hold, if there is one."""
    return next((kind for kind in KINDS if all(one.holds(profile) for one in kind.conditions)), None)
