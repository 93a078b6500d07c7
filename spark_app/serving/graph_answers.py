"""What the API answers of the graph, as types: see answers.py."""

from pydantic import BaseModel, Field

from spark_app.serving.answers import Answer


class Node(BaseModel):
    """A vertex of the user-product graph."""

    id: str = Field(examples=["u:U0001", "p:P0001"])
    type: str
    label: str | None
    degree: int
    pagerank: float
    community: int
    component: int


class Edge(BaseModel):
    """A recommendation."""

    src: str
    dst: str
    score: float
    rank: int


class Ego(Answer):
    """A user, what is recommended to them, and others to whom that is recommended too."""

    user: str
    vertices: list[Node]
    edges: list[Edge]
    users_shown: int
    users_of_these_products: int = Field(description="how many there are; the best ranked are shown")


class Numbers(BaseModel):
    """How many of each."""

    users: int
    products: int


class ShownNumbers(Numbers):
    """How many are in the answer."""

    edges: int


class Graph(Answer):
    """A part of the user-product graph; products stand first, then users."""

    shown: ShownNumbers
    found: Numbers = Field(description="that pass the filters")
    all: Numbers = Field(description="in the whole graph")
    vertices: list[Node]
    edges: list[Edge]


class Hub(BaseModel):
    """A product that is recommended often within its community."""

    product: str
    name: str | None
    degree: int


class Group(BaseModel):
    """A community: products that are recommended to the same users, and these users."""

    community: int
    users: int
    products: int
    hubs: list[Hub] = Field(description="its most recommended products, up to three")


class Communities(Answer):
    """The largest communities."""

    all: int = Field(description="how many there are")
    communities: list[Group]
