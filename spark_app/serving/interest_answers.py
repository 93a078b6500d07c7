"""What the API answers of interests, as types: see answers.py."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

_GENERATION = Field(description="id of the published generation, null before the first")
_ID = Field(description="of these groups")
_SURE = Field(ge=0, le=1, description="how sure the nearest group is")
_GROUP = Field(description="its number, which stays the same when groups are made again; null where none is near")


class InterestsFound(BaseModel):
    """The kept groups."""

    generation: str | None = _GENERATION
    hint: str | None = Field(description="the command that makes them, where there are none")
    interests: dict[str, Any] | None = Field(
        description="id, made_at, users, posts, k, chosen_by, tried, structure, silhouette, stability, and the groups "
        "by their number, with label, keywords, size, products and strategy; with `brief` id and made_at alone"
    )


class InterestPoint(BaseModel):
    """Where a user lies on the map."""

    user: str
    group: int | None = _GROUP
    nearest: int | None
    confidence: float | None = _SURE
    x: float | None
    y: float | None


class InterestPoints(BaseModel):
    """Some of the users whose posts were read, or all."""

    generation: str | None = _GENERATION
    id: str = _ID
    shown: int = Field(description="users in the answer")
    all: int = Field(description="users whose posts were read")
    points: list[InterestPoint]


class Strategy(BaseModel):
    """What to do about a group."""

    needs: str = Field(examples=["They talk about espresso, roast and grinder."])
    channels: str
    tone: str
    words: str = Field(description="the three as one paragraph")
    source: Literal["template", "gemini"] = Field(description="who wrote it")


class Offered(BaseModel):
    """A product that a group takes to."""

    product: str
    name: str | None = Field(None, examples=["Coffee grinder"])
    link: str | None = Field(None, description="as the catalogue has it, whatever that is")
    image: str | None = Field(None, description="as the catalogue has it; a path is one of /interests/pictures")
    source: Literal["catalogue", "bought"]


class _Group(BaseModel):
    label: str | None = Field(description="its three best keywords", examples=["espresso, roast, grinder"])
    size: int | None = Field(description="users in it")
    share: float | None = Field(description="of all users whose posts were read")
    keywords: list[tuple[str, float]] = Field(description="with their weight, the most telling first")
    strategy: Strategy | None


class UserInterest(_Group):
    """The group that a user is in."""

    id: str = _ID
    made_at: datetime | None
    group: int | None = _GROUP
    nearest: int | None = Field(description="the nearest group, also where it is not near enough")
    confidence: float | None = _SURE
    x: float | None = Field(description="on the map, as in interests.png")
    y: float | None
    posts: int


class UserInterests(BaseModel):
    """What a user's posts say."""

    generation: str | None = _GENERATION
    user: str
    interests: UserInterest | None = Field(description="null for a user of whom no post was read")


class Near(BaseModel):
    """A group, and how sure it is."""

    group: int
    label: str | None
    confidence: float = Field(ge=0, le=1)


class Word(BaseModel):
    """A word of the text that says so."""

    word: str
    pull: float = Field(description="what the likeness to the nearest group loses without it")


class InterestAssigned(_Group):
    """The group that a text or a picture is in."""

    generation: str | None = _GENERATION
    id: str = _ID
    made_at: datetime | None
    words: str = Field(examples=["group 2 (espresso, roast, grinder), 87 % sure"])
    group: int | None = _GROUP
    nearest: int | None = Field(description="the nearest group, also where it is not near enough")
    confidence: float = _SURE
    x: float | None = Field(description="on the map of GET /interests/points")
    y: float | None
    groups: list[Near] = Field(description="the nearest groups, the nearest first")
    told: list[Word] = Field(description="the words that say so, the most telling first")
    read: str | None = Field(description="what was read out of the picture; null where there was none")
    products: list[Offered] = Field(description="of the catalogue first, then what the users of the group buy")
    structure: dict[str, Any] = Field(description="whether there are groups at all, in words")
    notes: list[str] = Field(description="what was left out, or could not be had")


class InterestAsked(BaseModel):
    """What is to be assigned."""

    text: str = Field(max_length=1_000_000, examples=["Which grinder for a dark roast? My espresso is sour."])
