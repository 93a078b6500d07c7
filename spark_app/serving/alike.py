"""Who and what is alike: by the cosine of factors, or where a model has none, by what was found or met in common."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import scipy.sparse as sp

from spark_app import scoring
from spark_app.numbers.arrays import Floats, Indices
from spark_app.serving.model import Served
from spark_app.serving.people import Person

_AT_ONCE = 1 << 16


def users(served: Served, person: Person, user_id: int, n: int) -> list[tuple[str, float]]:
    """(user, score) of those most like a person, themselves left out."""
    ids, vectors, factors = served.maps.user_ids, served.maps.user_vectors, _factors(served)
    if person.user is None:
        return []
    if factors and ids is not None and vectors is not None:
        scores = cosines(vectors, person.user.vector[:factors], factors)
    else:
        ids, scores = _in_common(served, person)
    scores[ids == user_id] = scoring.MINUS_INFINITY
    return [(served.user(int(ids[place])), float(scores[place])) for place in best(scores, n)]


def products(
    served: Served, rows: Sequence[int], n: int, candidates: Sequence[int] | None = None
) -> list[tuple[int, float]]:
    """(row, score) of products most like the mean of some, themselves left out; of the candidates where given."""
    places = served.place_of_row[np.asarray(rows)]
    vectors, factors = served.maps.product_vectors, _factors(served)
    if vectors is None or (places < 0).all():
        return []
    known = places[places >= 0]
    scores = _like(served, known, factors)
    if candidates is None:
        scores[known] = scoring.MINUS_INFINITY
        scores[served.hidden[served.row_of_place]] = scoring.MINUS_INFINITY
        return [(int(served.row_of_place[place]), float(scores[place])) for place in best(scores, n)]
    asked = served.place_of_row[np.asarray(candidates)]
    # What has nothing in common is like it by 0.
    found = np.where(np.isfinite(scores), scores, 0.0)
    pairs = zip(candidates, asked.tolist(), strict=True)
    return [(row, float(found[place]) if place >= 0 else 0.0) for row, place in pairs]


def buyers(served: Served, row: int, n: int, met_lately: Collection[str] = ()) -> list[tuple[str, float]]:
    """(user, score) of those who should get a product most of all, without those who may not be shown it.

    Those who have met it since the generation are left out, too.
    """
    place, mould = int(served.place_of_row[row]), served.mould
    ids, vectors = served.maps.user_ids, served.maps.user_vectors
    if place < 0 or mould is None or ids is None or vectors is None:
        return []
    scores = _in_blocks(vectors, lambda block: block @ mould.products[place])
    scores += _habits_of(served, place, ids)
    met, theirs = served.maps.met, np.flatnonzero(served.met_products == served.product_ids[row])
    mine = theirs[met.table["excluded"][theirs]]
    owners = np.searchsorted(met.starts, mine, side="right") - 1
    lately = [served.user_id(user) for user in met_lately]
    scores[np.isin(ids, [*owners.tolist(), *lately])] = scoring.MINUS_INFINITY
    return [(served.user(int(ids[at])), float(scores[at])) for at in best(scores, n)]


def representatives(served: Served, n: int) -> list[tuple[int, float]]:
    """(row, share): for each factor the product that lies most along it."""
    vectors, factors = served.maps.product_vectors, _factors(served)
    if vectors is None or not factors:
        return []
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors[:, :factors], vectors[:, :factors]))
    found: dict[int, float] = {}
    for factor in range(factors):
        shares = np.abs(vectors[:, factor]) / np.where(lengths > 0, lengths, np.inf)
        place = int(np.argmax(shares))
        found.setdefault(int(served.row_of_place[place]), float(shares[place]))
    return list(found.items())[:n]


def cosines(vectors: Floats, vector: Floats, factors: int) -> Floats:
    """(rows,) of the first `factors` numbers; 0 for one without length."""

    def of(block: Floats) -> Floats:
        some = block[:, :factors]
        lengths = np.sqrt(np.einsum("ij,ij->i", some, some)) * np.sqrt(vector @ vector)
        return np.divide(some @ vector, lengths, out=np.zeros(len(some), np.float32), where=lengths > 0)

    return _in_blocks(vectors, of)


def best(scores: Floats, n: int) -> Indices:
    """Places of the n largest that are finite, ties to the smaller place."""
    found = scoring.select(scores[None].copy(), n=max(min(n, len(scores)), 1)) if len(scores) else None
    return found.products[0][found.products[0] >= 0] if found else np.empty(0, np.int32)


def _like(served: Served, places: Indices, factors: int) -> Floats:
    """(places,) how much each product is like the given ones, the mean."""
    vectors = served.maps.product_vectors
    scores = np.zeros(len(served.row_of_place), np.float32)
    for place in places.tolist():
        if factors and vectors is not None:
            scores += cosines(vectors, np.asarray(vectors[place, :factors]), factors)
        elif served.similar is not None:
            part = slice(served.similar.indptr[place], served.similar.indptr[place + 1])
            scores[served.similar.indices[part]] += served.similar.values[part]
    if not factors:
        scores[scores <= 0] = scoring.MINUS_INFINITY
    return (scores / len(places)).astype(np.float32)


def _in_common(served: Served, person: Person) -> tuple[Indices, Floats]:
    """(ids, cosines) by strengths of what was met."""
    met, one = served.maps.met, person.user
    strengths = np.nan_to_num(np.asarray(met.table["strength"]))
    shape = (len(met.starts) - 1, len(served.products))
    rows = sp.csr_matrix((strengths, served.row_of_product[met.table["productId"]], met.starts), shape=shape)
    mine = np.zeros(len(served.products), np.float32)
    if one is not None:
        mine[served.row_of_place[one.own]] = one.fitted
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel()) * np.sqrt(mine @ mine)
    found = np.divide(rows @ mine, lengths, out=np.zeros(shape[0]), where=lengths > 0).astype(np.float32)
    found[found <= 0] = scoring.MINUS_INFINITY
    return np.arange(shape[0], dtype=np.int32), found


def _habits_of(served: Served, place: int, ids: np.ndarray) -> Floats:
    """(users,) what each user's own products add to the score of one product."""
    met, similar, target = served.maps.met, served.similar, served.product_ids[served.row_of_place[place]]
    likeness = np.zeros(len(served.row_of_product), np.float32)
    if similar is not None:
        entries = np.flatnonzero(similar.indices == place)
        places = np.searchsorted(similar.indptr, entries, side="right") - 1
        likeness[served.product_ids[served.row_of_place[places]]] = similar.values[entries]
    adds = likeness != 0
    adds[target] = True
    # Few pairs add something: only these are looked at, whatever a row holds.
    pairs = np.flatnonzero(adds[served.met_products])
    products, rows = served.met_products[pairs], met.table[pairs]
    parts = (likeness[products] * rows["weight"] + np.where(products == target, rows["again"], 0)) * rows["trained"]
    owners = np.searchsorted(met.starts, pairs, side="right") - 1
    totals = np.bincount(owners, parts, minlength=len(met.starts) - 1)
    known = ids < len(totals)
    found = np.zeros(len(ids), np.float32)
    found[known] = totals[ids[known]]
    return found


def _in_blocks(vectors: Floats, of: Callable[[Floats], Floats]) -> Floats:
    blocks = [of(vectors[at : at + _AT_ONCE]) for at in range(0, len(vectors), _AT_ONCE)]
    return np.concatenate([np.empty(0, np.float32), *blocks]).astype(np.float32)


def _factors(served: Served) -> int:
    return int(served.manifest["model"]["factors"])
