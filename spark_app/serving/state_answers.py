"""What the API answers of how things stand, as types: see answers.py."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from spark_app.serving.answers import Answer


class Generation(BaseModel):
    """A trained model with all that was made from it."""

    id: str
    created_at: datetime
    published: bool = Field(description="whether it is the published one now")
    state: Literal["published", "held", "promoted", "was published", "refused", "rebuilt"] = Field(
        description="published now: by its own merit, held by a rollback, or promoted by hand; or what became of it"
    )
    engine: str
    algorithm: str
    feedback: str | None = Field(description="implicit or explicit")
    sound: bool
    reason: str | None = Field(description="why it was published or not, when it was made")
    parent: str | None = Field(description="the newest one when it was made")
    users: int
    products: int
    interactions: int
    events: dict[str, Any] = Field(description="read, accepted, duplicates and rejected, when it was made")
    cut: datetime | None = Field(description="from when on events were held out to judge it")
    metrics: dict[str, Any]
    baselines: dict[str, dict[str, Any]] = Field(description="the same metrics of popularity and of what was published")
    seconds: dict[str, float] = Field(description="that each step took")
    overlap_at_10: float | None = Field(description="the share of its first ten that was published before")
    fold_in_overlap_at_10: float | None = Field(description="the share that folding in had found before")


class Generations(BaseModel):
    """All whole generations, the newest first."""

    generation: str | None = Field(description="id of the published one")
    held: str | None = Field(description="id of the one that a rollback holds: training publishes nothing meanwhile")
    generations: list[Generation]


class Batch(BaseModel):
    """A micro-batch that was taken in."""

    taken_at: datetime
    source: str
    partitions: int
    read: int
    accepted: int
    duplicates: int
    rejected: dict[str, int]


class Status(BaseModel):
    """How things stand, also before the first generation."""

    generation: str | None = Field(description="id of the one that is served; null before the first")
    data: str = Field(description="the data folder")
    read: int = Field(description="records in all: accepted, duplicates and rejected")
    accepted: int
    duplicates: int
    rejected: dict[str, int] = Field(description="by reason, those that occur")
    new_since_last_training: int
    train_threshold: int
    missing: int = Field(description="events before the next training is due")
    events_per_second: float = Field(description="accepted in the last ten minutes")
    seconds_to_threshold: int | None = Field(description="at this rate; null without one")
    lag: dict[str, Any] | None = Field(description="files or records that wait at the source; null: not known yet")
    last_batches: list[Batch]
    generations: int
    published: str | None
    published_age_seconds: int | None
    held: bool = Field(description="whether a rollback holds the published one")
    results: str | None = Field(description="the generation that the results folder shows")
    cut_short: bool = Field(description="whether a batch did not reach its end; the next one mends it")
    running: list[str] = Field(description="who takes in events or trains just now")


class Following(BaseModel):
    """How far the event table is followed."""

    version: int = Field(description="of the event table, the last that was read")
    lag_seconds: float | None = Field(description="since it was last looked at and all was well")
    fault: str = Field(description="why it cannot be followed; empty when all is well")


class Beyond(BaseModel):
    """Events beyond the generation."""

    events: int
    users: int
    waiting: int = Field(description="posted, and not in the event table yet")
    dropped: int = Field(description="let go for want of room")


class Stats(Answer):
    """What is served, in numbers."""

    trained_at: datetime
    age_seconds: float
    users: int
    products: int
    interactions: int
    source: str | None
    fallback: str
    factors: int
    factors_bytes: int
    swaps: int = Field(description="generations that were shown since the start")
    fault: str = Field(description="why the published generation cannot be shown; empty when it is")
    ranking: dict[str, Any] = Field(description="exact, or an index with its measured recall")
    tail: Following
    fresh: Beyond


class Reloaded(Answer):
    """What is served after it was looked again."""

    changed: bool


class Receipt(BaseModel):
    """What was removed of a user who is forgotten; no field names the user."""

    user: str = Field(description="a salted hash of the id")
    begun_at: datetime
    finished_at: datetime | None
    held: bool = Field(description="whether anything was held of the user")
    removed: dict[str, int] = Field(description="place -> rows that went")
    rewritten: list[str] = Field(description="what was written anew, and is called now")
    deleted: list[str] = Field(description="files that are gone")
    left: list[str] = Field(description="what was not touched, and why")
