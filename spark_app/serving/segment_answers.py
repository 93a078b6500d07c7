"""What the API answers of segments, as types: see answers.py."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from spark_app.segmentation import Features, Method


class SegmentsFound(BaseModel):
    """The kept segments of each set of features."""

    generation: str | None = Field(description="id of the published generation, null before the first")
    latest: Features | None = Field(description="which of these was made last; null where there are none")
    hint: str | None = Field(description="the command that makes them, where there are none")
    features: dict[str, dict[str, Any]] = Field(
        description="of each: id, made_at, users, k, chosen_by, tried, methods, structure, dendrogram, correlations, "
        "and the segments of each method, with label, size, strategy and what sets them apart; "
        "with `brief` id, features and made_at alone"
    )


class UserSegment(BaseModel):
    """The segment that a user is in, by one method on one set of features."""

    features: Features
    id: str = Field(description="of these segments")
    made_at: datetime | None
    method: Method
    segment: int = Field(ge=1, description="its number, which stays the same when segments are made again")
    label: str | None = Field(examples=["Buys often"])
    strategy: str | None
    size: int | None = Field(description="users in it")
    share: float | None = Field(description="of all users who have a segment")
    distance: float = Field(description="from the centre of the segment")
    x: float = Field(description="first component, as in clusters.png")
    y: float = Field(description="second component")


class UserSegments(BaseModel):
    """All segments that a user is in; none for a user who came after they were made."""

    generation: str | None = Field(description="id of the published generation, null before the first")
    user: str
    segments: list[UserSegment]


class _About(BaseModel):
    generation: str | None = Field(description="id of the published generation, null before the first")
    id: str = Field(description="of these segments")
    features: Features
    method: Method


class Point(BaseModel):
    """Where a user lies on the first two components."""

    user: str
    segment: int
    x: float
    y: float


class SegmentPoints(_About):
    """Some of the users who have a segment, or all."""

    shown: int = Field(description="users in the answer")
    all: int = Field(description="users who have a segment")
    points: list[Point]


class Trait(BaseModel):
    """One column in one segment."""

    segment: int
    feature: str
    mean: float
    overall_mean: float = Field(description="of all users")
    lift: float | None = Field(description="the ratio of both; null where it says nothing")


class SegmentProfiles(_About):
    """Segments by segment, columns in their order."""

    columns: list[dict[str, Any]] = Field(description="name, unit and scale of each")
    profiles: list[Trait]
