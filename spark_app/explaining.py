"""Wiring of explanations: a generation on disk, a user and a product in; why, and why not, out. No Spark is started."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_app import choice, explanation, generations, terms, vectors
from spark_app.arrays import Floats
from spark_app.decisive import restored
from spark_app.equations import Equations
from spark_app.explanation import Known
from spark_app.generations import Generation
from spark_app.settings import PREFIX, Settings

FALLBACK = "the user has shown no interest that counts, so the list is the fallback's"
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
    if not (generation.folder / generations.CATALOGUE).exists():
        raise UnknownIdError(f"generation {generation.id} was made before lists could be explained; train again")
    then = choice.plain(restored(settings, generation.manifest["settings"]))
    user_id = _number(generation, generations.USERS, "user", user)
    product_id = _number(generation, generations.PRODUCTS, "product", product)
    table = _products(generation)
    row = table.filter(pc.equal(table["productId"], product_id)).to_pylist()[0]
    own = generations.scan(generation, generations.INTERACTIONS, filter=pc.field("userId") == user_id)
    barred = _barred(own, product_id, row, then)
    found = _scored(generation, then, user_id, own, table)
    place = vectors.places(found.ids, np.array([product_id]))[0]
    said = (user, product, row["name"])
    if place < 0:
        return Explanation(*said, None, [], None, 0, barred or NOT_KNOWN, generation.id)
    listable = _listable(found.ids, own, table)
    rank = explanation.rank(found.scores, place, listable)
    if not barred and rank > then.top_n:
        barred = f"only the first {then.top_n} are listed ({PREFIX}TOP_N)"
    parts = _parts(found, place, own, table, row, then)
    listable[place] = True
    return Explanation(*said, float(found.scores[place]), parts, rank, int(listable.sum()), barred, generation.id)


class _Scored(NamedTuple):
    """Scores of the user for products `ids`, in the order of the shop's own; `known` is None for the fallback."""

    ids: np.ndarray
    scores: Floats
    known: Known | None


def _scored(generation: Generation, settings: Settings, user_id: int, own: pa.Table, table: pa.Table) -> _Scored:
    """By the model, or by the fallback where the model does not know the user."""
    if (user := _vector(generation, user_id)) is None:
        popular = generations.scan(generation, generations.POPULAR, columns=["product", "score"])
        rows = table.select(["product", "productId"]).join(popular, "product", join_type="inner").sort_by("product")
        return _Scored(rows["productId"].to_numpy(), _floats(rows["score"]), None)
    listed = table.filter(pc.is_in(table["productId"], pa.array(_ids(generation, generations.PRODUCT_FACTORS))))
    known = _known(generation, settings, user, own, listed)
    return _Scored(listed["productId"].to_numpy(), explanation.scores(known), known)


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


def _vector(generation: Generation, user_id: int) -> Floats | None:
    """Of a user that the model knows."""
    if not (generation.folder / f"{generations.USER_FACTORS}.npy").exists():
        return None
    place = vectors.places(_ids(generation, generations.USER_FACTORS), np.array([user_id]))[0]
    if place < 0:
        return None
    return np.asarray(np.load(generation.folder / f"{generations.USER_FACTORS}.npy", mmap_mode="r")[place])


def _known(generation: Generation, settings: Settings, user: Floats, own: pa.Table, listed: pa.Table) -> Known:
    """What the model knows of the user and of the `listed` products."""
    ids = listed["productId"].to_numpy()
    factors = np.load(generation.folder / f"{generations.PRODUCT_FACTORS}.npy", mmap_mode="r")
    trained = own.filter(own["trained"])
    similar = generations.scan(generation, generations.SIMILAR)
    return Known(
        user,
        factors[vectors.places(_ids(generation, generations.PRODUCT_FACTORS), ids)],
        listed["trained"].to_numpy(),
        generation.manifest["model"]["factors"],
        _equations(generation, settings),
        vectors.places(ids, trained["productId"].to_numpy()).astype(np.int32),
        _floats(trained["fitted"]),
        _floats(trained["weight"]),
        _floats(trained["again"]),
        vectors.similar(similar, ids) if similar.num_rows else None,
        _floats(listed["boost"]).astype(np.float64),
    )


def _equations(generation: Generation, settings: Settings) -> Equations | None:
    if not generation.manifest["model"]["explained"]:
        return None
    if settings.algorithm == "ratings":
        return terms.explicit(settings.explicit)
    return terms.implicit(settings.als)


def _listable(ids: np.ndarray, own: pa.Table, table: pa.Table) -> np.ndarray:
    """Which of the products may be listed to the user."""
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
    found: _Scored, place: int, own: pa.Table, table: pa.Table, row: dict[str, Any], settings: Settings
) -> list[Part]:
    """The parts of a score, the largest first."""
    if found.known is None:
        return [Part(float(found.scores[place]), f"popularity: {FALLBACK}")]
    taken = explanation.parts(found.known, place)
    trained = own.filter(own["trained"])["productId"]
    named = table.filter(pc.is_in(table["productId"], trained)).to_pylist()
    names = {one["productId"]: (one["product"], one["name"]) for one in named}
    amounts = zip(taken.own, trained.to_pylist(), strict=True)
    parts = [Part(float(amount), "own product", *names[product_id]) for amount, product_id in amounts]
    if taken.others:
        parts.append(Part(taken.others, _others(settings)))
    if taken.rules:
        parts.append(Part(taken.rules, f"the shop's rules: {row['rule']}"))
    return sorted(parts, key=lambda part: -abs(part.amount))


def _others(settings: Settings) -> str:
    if settings.algorithm == "ratings":
        return "what the user and the product are rated on average"
    half_life = settings.popularity_half_life_days if settings.algorithm != "popular" else None
    return f"popularity (half-life {half_life:.3g} days)" if half_life else "popularity"


def _floats(column: pa.ChunkedArray) -> Floats:
    return column.to_numpy().astype(np.float32)
