"""A catalogue made ready once, and the best of it for a few users at a time: the lists of scoring.top_n, bit for bit.

Where most vectors are short, as those of a long tail are, the products lie in the order of their lengths: no score is
above |x| |y|, so that a list is complete long before the end (LEMP: Teflioudi, Gemulla, Mykytiuk 2015). One thread,
without the GIL from the first product to the last: one that takes it back for each tile waits for all others.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  (what np.dot of a kernel calls: there before anyone limits its threads)
from numpy.typing import ArrayLike, NDArray

from spark_app import scoring
from spark_app.numbers.arrays import Doubles, Floats, Indices, SeenCSR, at_least_one, checked, csr, dot, insert, kernel
from spark_app.scoring import BLOCK, MINUS_INFINITY, TopN

FEW = 32  # users whose scores are worked out together
STEP, WIDTH = 1 << 10, 1 << 14  # products in the first tile, and in the largest
TINY = np.finfo(np.float32).tiny
_NONE = np.empty(0, np.int32)


class Prepared(NamedTuple):
    """Products made ready for `best`: (products, k) float32, row i being product places[i], and product p row rows[p].

    Both are empty where row i is product i. No row from STEP x i on is longer than reach[i]; `longest` is the length of
    the longest that is finite.
    """

    factors: Floats
    places: Indices
    rows: Indices
    reach: Doubles
    longest: float


def of(product_factors: Floats) -> Prepared:
    """Made ready: reads all vectors; copies them where an order by length helps, else holds them as they are."""
    factors = checked(product_factors, np.float32, 2)
    lengths = _lengths(factors)
    longest = float(lengths.max(where=np.isfinite(lengths), initial=0))
    lengths[~np.isfinite(lengths)] = np.inf
    if not len(lengths) or 2 * np.median(lengths) > longest:
        return Prepared(factors, _NONE, _NONE, np.full_like(lengths[::STEP], np.inf), longest)
    places = np.argsort(-lengths, kind="stable").astype(np.int32)
    rows = np.empty_like(places)
    rows[places] = np.arange(len(places), dtype=np.int32)
    return Prepared(checked(factors[places], np.float32, 2), places, rows, lengths[places[::STEP]], longest)


def best(
    user_factors: Floats, products: Prepared, seen: SeenCSR | None = None, *, n: ArrayLike,
    listable: NDArray[np.bool_] | None = None, part: range | None = None,
) -> TopN:  # fmt: skip
    """Each user's best n products that it has not seen, by score, ties to the smaller product index.

    `n` is one number or one for each user, (users,); lists are as long as the largest, with -1 and -inf after their
    own. `listable` (products,) marks what may be listed to anybody; `part` are the rows to look at, all without it.
    Raises ValueError as scoring.top_n does.
    """
    users, count = checked(user_factors, np.float32, 2), len(products.factors)
    if users.shape[1] != products.factors.shape[1]:
        raise ValueError(f"{users.shape[1]} factors a user, {products.factors.shape[1]} a product: expected as many")
    wanted = np.broadcast_to(n, len(users)).astype(np.int64)
    at_least_one("n", min(wanted, default=1))
    found, starts, met = scoring.nothing(len(users), max(wanted, default=1)), *_rows(seen, len(users), products)
    mask, rows = _mask(listable, count), range(count) if part is None else part
    lengths, buffer = _lengths(users), np.empty(WIDTH * min(len(users), FEW), np.float32)
    # Never 0: of equal scores the smaller place may come later.
    margins = checked(np.maximum(scoring.margins_of(lengths, products.longest, users.shape[1]), TINY), np.float32, 1)
    for start in range(0, len(users), FEW):
        some = slice(start, start + FEW)
        _best(
            products.factors, products.places, products.reach, rows.start, rows.stop,
            users[some], np.array(users[some].T, order="C"), lengths[some], margins[some], buffer,
            starts[start:], met, mask, wanted[some], found.products[some], found.scores[some],
        )  # fmt: skip
    return found


def merged(parts: Sequence[TopN], n: int) -> TopN:
    """The best n of lists for the same users, of parts that have no product in common."""
    products, scores = (np.concatenate(one, axis=1) for one in zip(*parts, strict=True))
    order = np.lexsort((products, -scores))[:, :n]
    return TopN(np.take_along_axis(products, order, axis=1), np.take_along_axis(scores, order, axis=1))


def _lengths(factors: Floats) -> Doubles:
    """(rows,): in float64, in which no square is too large or too small."""
    parts = (factors[start : start + WIDTH].astype(np.float64) for start in range(0, len(factors), WIDTH))
    return np.concatenate([np.empty(0), *(np.sqrt(np.einsum("ij,ij->i", part, part)) for part in parts)])


def _mask(listable: NDArray[np.bool_] | None, count: int) -> NDArray[np.bool_]:
    """(products,), or empty where all may be listed."""
    mask = checked(np.empty(0) if listable is None else listable, np.bool_, 1)
    if listable is not None and len(mask) != count:
        raise ValueError(f"{len(mask)} products are marked as listable or not, of {count}")
    return mask


def _rows(seen: SeenCSR | None, users: int, products: Prepared) -> tuple[NDArray[np.int64], Indices]:
    """What each user has seen, as rows of the prepared products, in order."""
    count = len(products.factors)
    starts, places = csr(seen, users, count)
    rows = products.rows[places] if len(products.rows) else places
    first = np.repeat(np.arange(users) * count, np.diff(starts))
    return starts, (np.sort(first + rows) - first).astype(np.int32)


@kernel
def _best(
    factors, places, reach, first, stop, users, columns, lengths, margins, buffer, starts, met, listable, n,
    products, best,
):  # fmt: skip
    """Fill the lists, tile by tile, until no product that is left can be among them."""
    limits, width = np.full(BLOCK * len(users), MINUS_INFINITY), STEP
    while first < stop:
        last = min(first + width, stop)
        scores = buffer[: (last - first) * len(users)].reshape(last - first, len(users))
        _multiply(factors[first:last], users, columns, scores)
        _rule_out(scores, first, places, starts, met, listable)
        _merge(scores, first, factors, places, users, margins, limits, n, products, best)
        first, width = last, min(2 * width, WIDTH)
        if first < stop and _complete(limits, lengths, reach[first // STEP], margins):
            return


@kernel
def _multiply(factors, users, columns, scores):
    """(tile, users) scores. For one user a plain loop is as fast as memory, and BLAS is not."""
    if len(users) > 3:
        np.dot(factors, columns, scores)
        return
    for i in range(len(factors)):
        for user in range(len(users)):
            total = np.float32(0.0)
            for j in range(factors.shape[1]):
                total += factors[i, j] * users[user, j]
            scores[i, user] = total


@kernel
def _rule_out(scores, first, places, starts, met, listable):
    """-inf for what may not be listed, to a user or to anybody."""
    if len(listable):
        here = listable[places[first : first + len(scores)]] if len(places) else listable[first : first + len(scores)]
        for i in range(len(scores)):
            if not here[i]:
                for user in range(scores.shape[1]):
                    scores[i, user] = MINUS_INFINITY
    for user in range(scores.shape[1]):
        own = met[starts[user] : starts[user + 1]]
        for i in range(np.searchsorted(own, first), len(own)):
            if own[i] >= first + len(scores):
                break
            scores[own[i] - first, user] = MINUS_INFINITY


@kernel
def _merge(scores, first, factors, places, users, margins, limits, n, products, best):
    """Merge a tile into the lists; `limits` are what a score has to be above, BLOCK times over for all users."""
    flat = scores.reshape(-1)
    for start in range(0, len(scores), BLOCK):
        block = flat[start * len(users) : (start + BLOCK) * len(users)]
        above = np.int32(0)
        for i in range(len(block)):  # no branch: vector instructions
            above |= np.int32(block[i] > limits[i])
        if above:
            for i in range(start, min(start + BLOCK, len(scores))):
                for user in range(len(users)):
                    if scores[i, user] > limits[user]:
                        place = places[first + i] if len(places) else np.int32(first + i)
                        own, values = products[user, : n[user]], best[user, : n[user]]
                        insert(place, np.float32(dot(users[user], factors[first + i])), own, values)
                        limits[user] = values[-1] - margins[user]
            for i in range(len(users), len(limits)):
                limits[i] = limits[i - len(users)]


@kernel
def _complete(limits, lengths, reach, margins):
    """Whether nothing as long as `reach` can come into any list; not where a number is no number."""
    complete = True
    for user in range(len(lengths)):
        complete &= lengths[user] * reach + 2 * margins[user] < limits[user]
    return complete
