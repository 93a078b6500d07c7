"""Wiring of explanations: a generation on disk, a user and a product in; why, and why not, out. No Spark is started."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_app import choice, explanation, generations, vectors
from spark_app.arrays import Floats
from spark_app.decisive import restored
from spark_app.equations import Equations
from spark_app.explanation import Known
from spark_app.generations import Generation
from spark_app.settings import PREFIX, Settings

NO_INTEREST = "the user has shown no interest that counts, so the list is the fallback's"
NOT_KNOWN = "nobody has shown interest in the product, and nothing of its category or brand is known"


class UnknownIdError(LookupError):
    """There is no such user or product in the generation; the message names it."""


class Part(NamedTuple):
    """What something adds to a score: one of the user's own products, or what stands beside them."""

    amount: float
    what: str
    product: str | None = None
    name: str | None = None


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
    then = choice.plain(restored(settings, generation.manifest["settings"]))
    user_id = _number(generation, generations.USERS, "user", user)
    product_id = _number(generation, generations.PRODUCTS, "product", product)
    table = _products(generation)
    at = int(np.flatnonzero(table["productId"].to_numpy() == product_id)[0])
    own = generations.scan(generation, generations.INTERACTIONS, filter=pc.field("userId") == user_id)
    known = _known(generation, then, user_id, own, table)
    row = table.slice(at, 1).to_pylist()[0]
    barred = _barred(own, product_id, row, then)
    place = vectors.places(_ids(generation, generations.PRODUCT_FACTORS), np.array([product_id]))[0]
    if known is None or place < 0:
        why = NO_INTEREST if known is None else NOT_KNOWN
        return Explanation(user, product, row["name"], None, [], None, 0, barred or why, generation.id)
    scores = explanation.scores(known)
    listable = _listable(generation, own, table)
    rank = explanation.rank(scores, place, listable)
    if not barred and rank > then.top_n:
        barred = f"only the first {then.top_n} are listed ({PREFIX}TOP_N)"
    parts = _parts(known, place, own, table, row, then)
    count = int(listable.sum())
    return Explanation(user, product, row["name"], float(scores[place]), parts, rank, count, barred, generation.id)


def _number(generation: Generation, table: str, name: str, value: str) -> int:
    rows = generations.scan(generation, table, columns=[f"{name}Id"], filter=pc.field(name) == value)
    if not rows.num_rows:
        raise UnknownIdError(f"{name} {value!r} is not in generation {generation.id}")
    return int(rows[f"{name}Id"][0].as_py())


def _products(generation: Generation) -> pa.Table:
    """Every product with its name and what the catalogue says of it, in the order of the ids."""
    names = generations.scan(generation, generations.PRODUCTS, columns=["product", "productId", "name"])
    return names.join(generations.scan(generation, generations.CATALOGUE), "productId").sort_by("product")


def _ids(generation: Generation, name: str) -> np.ndarray:
    return np.load(generation.folder / f"{name}_ids.npy")


def _known(generation: Generation, settings: Settings, user_id: int, own: pa.Table, table: pa.Table) -> Known | None:
    """What the model knows, products in the order of the factor file; None when it does not know the user."""
    users = _ids(generation, generations.USER_FACTORS)
    place = int(np.searchsorted(users, user_id))
    if place >= len(users) or users[place] != user_id:
        return None
    ids = _ids(generation, generations.PRODUCT_FACTORS)
    about = table.take(pa.array(vectors.places(table["productId"].to_numpy(), ids)))
    liked = own.filter(own["trained"])
    at = vectors.places(ids, liked["productId"].to_numpy())
    similar = generations.scan(generation, generations.SIMILAR)
    return Known(
        np.load(generation.folder / f"{generations.USER_FACTORS}.npy", mmap_mode="r")[place],
        np.load(generation.folder / f"{generations.PRODUCT_FACTORS}.npy"),
        about["trained"].to_numpy(zero_copy_only=False),
        generation.manifest["model"]["factors"],
        _equations(generation, settings),
        at.astype(np.int32),
        _floats(liked["strength"]),
        _floats(liked["weight"]),
        _floats(liked["again"]),
        vectors.similar(similar, ids) if similar.num_rows else None,
        _floats(about["boost"]).astype(np.float64),
    )


def _equations(generation: Generation, settings: Settings) -> Equations | None:
    if not generation.manifest["model"]["explained"]:
        return None
    if settings.algorithm == "ratings":
        return Equations(regularization=settings.explicit.regularization or 0.0, implicit=False)
    return Equations(regularization=settings.als.regularization, alpha=settings.als.alpha or 1.0)


def _listable(generation: Generation, own: pa.Table, table: pa.Table) -> np.ndarray:
    """Which places of the factor file may be listed to the user."""
    ids = _ids(generation, generations.PRODUCT_FACTORS)
    barred = [rows.filter(rows[name])["productId"].to_numpy() for rows, name in ((own, "excluded"), (table, "hidden"))]
    return ~np.isin(ids, np.concatenate(barred))


def _barred(own: pa.Table, product_id: int, row: dict[str, Any], settings: Settings) -> str:
    """The rule that keeps a product out of the list whatever its score."""
    if row["hidden"]:
        return f"a rule of the shop: {row['rule']}"
    met = own.filter(pc.equal(own["productId"], product_id)).to_pylist()
    if not met or not met[0]["excluded"]:
        return ""
    when = f"{met[0]['last_event_at']:%Y-%m-%d}"
    if settings.seen != "never" and met[0]["strength"] is None:
        return f"the user sent it back or dislikes it, last on {when}"
    what = "its cool-down has not passed" if settings.seen == "cooldown" else "what was met is not listed again"
    return f"the user met it, last on {when}, and {what} ({PREFIX}SEEN={settings.seen})"


def _parts(
    known: Known, place: int, own: pa.Table, table: pa.Table, row: dict[str, Any], settings: Settings
) -> list[Part]:
    """The parts of a score, the largest first."""
    taken = explanation.parts(known, place)
    names = {found["productId"]: (found["product"], found["name"]) for found in table.to_pylist()}
    liked = own.filter(own["trained"])
    found = [
        Part(float(amount), "own product", *names[product_id])
        for amount, product_id in zip(taken.own, liked["productId"].to_pylist(), strict=True)
    ]
    if taken.others:
        found.append(Part(taken.others, _others(settings)))
    if taken.rules:
        found.append(Part(taken.rules, f"the shop's rules: {row['rule']}"))
    return sorted(found, key=lambda part: -abs(part.amount))


def _others(settings: Settings) -> str:
    if settings.algorithm == "ratings":
        return "what the user and the product are rated on average"
    half_life = settings.popularity_half_life_days if settings.algorithm != "popular" else None
    return f"popularity (half-life {half_life:.3g} days)" if half_life else "popularity"


def _floats(column: pa.ChunkedArray) -> Floats:
    return column.to_numpy().astype(np.float32)
