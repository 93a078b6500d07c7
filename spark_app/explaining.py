"""Wiring of explanations: a generation on disk, a user and a product in; why, and why not, out. No Spark is started."""

from typing import NamedTuple

from spark_app import generations
from spark_app.generations import Generation
from spark_app.running.errors import SaidError
from spark_app.serving import model, people, reasons
from spark_app.serving.reasons import Part
from spark_app.settings import Settings


class UnknownIdError(SaidError, LookupError):
    """There is no such user or product in the generation; the message names it."""


class Explanation(NamedTuple):
    """Why a product stands where it does; `score` is None, and there are no parts, where nothing is predicted.

    `rank` is its place among what may be listed, as if it might be; `removed_by` says what keeps it out, empty when it
    is listed.
    """

    user: str
    product: str
    name: str | None
    score: float | None
    parts: list[Part]
    rank: int | None
    listable: int
    removed_by: str
    generation: str


def explain(generation: Generation, settings: Settings, user: str, product: str) -> Explanation:
    """Why `product` has its score and place for `user`; UnknownIdError when the generation never met one of them."""
    if not (generation.folder / generations.CATALOGUE).exists():
        raise UnknownIdError(f"generation {generation.id} was made before lists could be explained; train again")
    served = model.opened(generation, settings)
    user_id, row = served.user_id(user), served.products.find(product)
    for known, name, value in ((user_id, "user", user), (row, "product", product)):
        if known < 0:
            raise UnknownIdError(f"{name} {value!r} is not in generation {generation.id}")
    found = reasons.of(served, people.known(served, user_id), row)
    named = served.product(row)["name"]
    return Explanation(
        user, product, named, found.score, found.parts, found.rank, found.listable, found.removed_by, generation.id
    )
