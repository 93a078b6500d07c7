"""What the API answers, as types: they are what /docs shows, and what the tests hold the answers against."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Every answer names the generation that it comes from."""

    generation: str = Field(description="id of the published generation", examples=["20261125T080000Z-1f3a"])


class Product(BaseModel):
    """A product, as the newest events describe it."""

    product: str = Field(examples=["P0001"])
    name: str | None = Field(None, examples=["Desk lamp"])
    category: str | None = Field(None, examples=["light"])
    brand: str | None = Field(None, examples=["Lux"])
    price: float | None = Field(None, examples=[29.9])
    in_stock: bool | None = Field(None, description="null where no event has said so")


class Part(BaseModel):
    """What something adds to a score."""

    amount: float
    what: str
    product: str | None = None
    name: str | None = None


class Recommended(Product):
    """A product in a list."""

    rank: int = Field(ge=1, description="its place in the list, 1 is best")
    score: float = Field(description="comparable within one list alone")
    because: list[str] = Field(description="up to three of the user's own products that add most to the score")
    parts: list[Part] = Field([], description="what adds up to the score, with `explain`")


class Page(Answer):
    """A part of something long."""

    next_cursor: str | None = Field(description="what to ask the next part with; null behind the last")


class Recommendations(Page):
    """The list of one user."""

    user: str | None = Field(description="null for a session or a group")
    source: str = Field(description="what made it: als, blend, bm25, ..., segment, or the fallback, such as popular")
    trained_at: datetime
    age_seconds: float = Field(description="since the newest event that the list takes into account")
    folded_in: int = Field(description="events since the generation that count in it already")
    removed: dict[str, int] = Field(description="products that each filter took, of what the ones before had left")
    recommendations: list[Recommended]


class Lists(Answer):
    """The lists of several users, in the order in which they were asked for."""

    lists: list[Recommendations]


class Met(Product):
    """A product with which a user had to do."""

    events: int = Field(description="how many events, returns and dislikes among them")
    last_event_at: datetime
    strength: float | None = Field(description="how strongly the user has shown interest; null: sent back or disliked")


class History(Page):
    """What a user has met, the newest first."""

    user: str
    folded_in: int
    products: list[Met]


class Users(Page):
    """Users in the order of their ids, or the most active first."""

    users: list[str]


class Alike(BaseModel):
    """Another user, and how much alike."""

    user: str
    score: float = Field(
        description="cosine of the factors, or of what they have met where there are none; or as in user_similarity.csv"
    )


class SimilarUsers(Answer):
    """Who is most like a user."""

    user: str
    users: list[Alike]


class Products(Page):
    """Products in the order of their ids."""

    products: list[Product]


class ProductDetail(Answer, Product):
    """All that is known of a product."""

    users: int = Field(description="distinct users who have shown interest")
    hidden: bool = Field(description="whether a rule of the shop keeps it out of all lists")
    rule: str | None = Field(description="the rules of the shop that touch it")
    recommended: bool = Field(description="whether the model knows it, so that it can be in a list")


class Like(Product):
    """A product that is like another."""

    score: float = Field(description="cosine of the factors, or the likeness by which neighbours were found")


class SimilarProducts(Answer):
    """Products most like one or several."""

    products: list[Like]


class Buyer(BaseModel):
    """A user who should get a product."""

    user: str
    score: float


class Buyers(Answer):
    """Who should get a product most of all: users whose list may hold it."""

    product: str
    users: list[Buyer]


class Popular(Product):
    """A popular product."""

    rank: int
    users: int = Field(description="distinct users who have shown interest")
    score: float = Field(description="users, each counting less the longer ago where the fallback decays")


class PopularProducts(Page):
    """The most popular, by the same definition as the baseline and the fallback."""

    source: str
    removed: dict[str, int]
    products: list[Popular]


class Estimate(Answer):
    """How a user would like a product: the predicted rating where ratings are fitted, else the score of lists."""

    user: str | None
    product: str
    estimate: float | None = Field(description="null where the model does not know one of them")
    folded_in: int


class Explanation(Answer):
    """Why a product stands where it does; the parts add up to the score."""

    user: str
    product: str
    name: str | None
    score: float | None
    rank: int | None = Field(description="its place among what may be listed, as if it might be")
    listable: int
    removed_by: str = Field(description="what keeps it out of the list; empty when it is listed")
    parts: list[Part]
    folded_in: int


class Event(BaseModel):
    """One event, as it would come by the stream (README); unknown fields are passed over."""

    model_config = ConfigDict(extra="allow")

    user: str | int | None = None
    product: str | int | None = None
    event_type: str | None = Field(None, description="purchase when absent")
    quantity: float | None = None
    rating: float | None = None
    timestamp: str | int | float | None = None
    event_id: str | int | None = None


class PostedEvent(BaseModel):
    """What became of one event."""

    status: Literal["accepted", "duplicate", "rejected"]
    event_id: str | None = Field(description="given where it had none; null where it was rejected")
    reason: str | None = Field(description="why it was rejected, in the words of the quarantine")


class Posted(BaseModel):
    """What became of the events, in the order in which they came."""

    generation: str | None = Field(description="id of the published generation, null before the first")
    accepted: int
    duplicates: int = Field(description="their event_id was met before")
    rejected: int
    events: list[PostedEvent]


class SessionEvent(BaseModel):
    """What somebody did who need not be known."""

    model_config = ConfigDict(extra="forbid")

    product: str = Field(min_length=1, max_length=256)
    event_type: str = Field("purchase", max_length=256)
    quantity: float = Field(1.0, ge=-1e9, le=1e9)
    rating: float | None = Field(None, ge=-1e9, le=1e9)


class Several(BaseModel):
    """Users whose lists are asked for."""

    model_config = ConfigDict(extra="forbid")

    user_ids: list[str] = Field(min_length=1, max_length=1000, examples=[["U0001", "U0002"]])
    limit: int = Field(10, ge=1, le=100)


class Group(BaseModel):
    """Users who are given one list together."""

    model_config = ConfigDict(extra="forbid")

    user_ids: list[str] = Field(min_length=1, max_length=100, examples=[["U0001", "U0002"]])
    limit: int = Field(10, ge=1, le=1000)


class Session(BaseModel):
    """What somebody does just now, on top of what is known of a user, if there is one."""

    model_config = ConfigDict(extra="forbid")

    user: str | None = Field(None, max_length=256)
    events: list[SessionEvent] = Field(min_length=1, max_length=1000)
    limit: int = Field(10, ge=1, le=1000)


class Problem(BaseModel):
    """Problem details (RFC 9457) of what could not be answered."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "urn:millstream:no-such-product",
                "title": "No such product",
                "status": 404,
                "detail": "the published generation has no product 'lamp'",
            }
        },
    )

    type: str = Field(description="the kind of problem, for programs")
    title: str = Field(description="the kind of problem, for people")
    status: int = Field(description="the status of the answer")
    detail: str | None = Field(None, description="what was wrong this time")


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """A generation is loaded."""

    status: Literal["ready"] = "ready"
    generation: str = Field(description="the published generation that is served")
