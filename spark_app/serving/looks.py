"""How what a user turned to last is answered, and what rises of it, for /docs."""

from datetime import datetime

from pydantic import Field

from spark_app.serving.answers import Answer, Product
from spark_app.timeline.recency import Kind


class Look(Product):
    """A product that a user turned to, or the newest of a brand."""

    rank: int = Field(ge=1, description="1 is the newest")
    last_event_at: datetime = Field(description="when the user turned to it last")


class Recents(Answer):
    """What a user turned to last, the newest first: distinct brands, or distinct products."""

    user: str
    kind: Kind
    folded_in: int = Field(description="events since the generation that count in it already")
    recent: list[Look]


class Matched(Product):
    """A rising product of a brand that a user turned to."""

    rank: int = Field(ge=1)
    score: float = Field(description="how much it rises, as /trending says it: the same for everyone")
    because: str = Field(examples=["rising 240 % in 7 days; you looked at Lux on 2026-10-28"])


class Matches(Answer):
    """What rises among the brands that a user turned to last, without what was bought or turned down."""

    user: str
    folded_in: int = Field(description="events since the generation that count in it already")
    rising: int = Field(description="rising products with a brand that were looked through")
    trending: list[Matched]
