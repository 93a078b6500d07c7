"""How what is rising is answered, for /docs."""

from typing import Literal

from pydantic import BaseModel, Field

from spark_app.segmentation import Features


class Bounds(BaseModel):
    """A stretch of time, without its end."""

    since: str = Field(alias="from")
    until: str = Field(alias="to")


class Series(BaseModel):
    """A number for each bucket."""

    total: list[int]
    users: list[int]


class Riser(BaseModel):
    """What grows faster than the shop as a whole."""

    rank: int
    kind: Literal["product", "brand", "category"]
    key: str
    label: str
    brand: str | None
    category: str | None
    total: int = Field(description="events in the range")
    users: int = Field(description="distinct users in the range")
    growth_percent: float | None = Field(description="of users, later beside earlier; null for what is new")
    score: float = Field(description="users more than the growth of the shop brought, at the least")
    buckets: Series


class Rising(Bounds):
    """What is rising in a range of time."""

    generation: str | None = Field(description="what is published; nothing here is made from it")
    events_version: int = Field(description="of the event table")
    age_seconds: float = Field(description="since this was found")
    earlier: list[Bounds] = Field(description="what the later part is compared with")
    later: Bounds
    by: Literal["product", "brand", "category"]
    category: str | None
    segment: int | None = Field(None, description="whose events alone count; null: everyone's")
    features: Features | None = Field(None, description="whose segment; null: everyone's")
    segments: str | None = Field(None, description="id of the kept segments that it is one of; null: everyone's")
    bucket_seconds: int
    bucket_starts: list[str]
    trending: list[Riser]
