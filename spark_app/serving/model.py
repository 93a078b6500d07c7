"""A generation as it is served: mapped arrays, found by the shop's own ids. Nothing changes in it once it is opened."""

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from spark_app.decisive import restored
from spark_app.generations import Generation
from spark_app.mapped import maps
from spark_app.mapped.maps import Maps, Sorted
from spark_app.mapped.segment_maps import NOWHERE
from spark_app.numbers import vectors
from spark_app.numbers.arrays import Floats, Indices, Similar
from spark_app.numbers.equations import Equations
from spark_app.numbers.folding import Mould, Recipe
from spark_app.numbers.strengths import Terms
from spark_app.segmentation import DECIDES
from spark_app.settings import Settings
from spark_app.tuning import choice, terms

_DETAILS = ("name", "category", "brand", "price", "in_stock")
_REMEMBERED = 200_000
# What made the list of whom only a segment is known of.
SEGMENT = "segment"


class NotServableError(RuntimeError):
    """A generation that cannot be served; the message says why, and what to do."""


class Codes(NamedTuple):
    """A column of words as numbers: (rows,) codes, -1 where nothing is said, and the word of each."""

    codes: Indices
    words: dict[str, int]

    def are(self, word: str) -> np.ndarray:
        """(rows,): whether a row says this word."""
        return self.codes == self.words.get(word, len(self.words))


class Order(NamedTuple):
    """What is listed to whom the model does not know: rows, the best first; (products,) scores; what made them."""

    rows: Indices
    scores: np.ndarray
    source: str


class Served:
    """One generation, opened: users and products by row, in the order of the shop's ids."""

    def __init__(self, generation: Generation, settings: Settings) -> None:
        if not maps.is_there(generation):
            raise NotServableError(f"generation {generation.id} was made before it could be served; train again")
        self.generation, self.id = generation, generation.id
        self.manifest: dict[str, Any] = generation.manifest
        self.maps: Maps = maps.opened(generation)
        self.settings = choice.plain(restored(settings, self.manifest["settings"]))
        self.users, self.products = Sorted(self.maps.users["user"]), Sorted(self.maps.products["product"])
        self.user_ids = self.maps.users["userId"].to_numpy()
        self.product_ids = self.maps.products["productId"].to_numpy()
        self.row_of_user = vectors.places(self.user_ids, _ids(self.user_ids))
        self.row_of_product = vectors.places(self.product_ids, _ids(self.product_ids))
        self.place_of_row = self.maps.products["place"].to_numpy()
        self.row_of_place = _by_place(self.place_of_row)
        self._said = {name: self.maps.products[name].combine_chunks() for name in _DETAILS}
        # What is asked for again and again, of so many users and products.
        self.named = lru_cache(_REMEMBERED)(self._named)
        self.details = lru_cache(_REMEMBERED)(self._details)
        self.user_id = lru_cache(_REMEMBERED)(self._user_id)
        self.order = lru_cache(self._order)

    @property
    def version(self) -> int:
        """Of the event table, up to and with which it was trained."""
        return int(self.manifest["events_version"])

    @property
    def source(self) -> str | None:
        """What the lists of users that the model knows are made by; None where there is no model."""
        return self.manifest["model"]["source"]

    @property
    def fallback(self) -> str:
        """What makes the lists of all others."""
        return str(self.manifest["model"]["fallback"])

    @property
    def factors_bytes(self) -> int:
        """Of both sides, as they are mapped."""
        sides = (self.maps.user_vectors, self.maps.product_vectors)
        return sum(side.nbytes for side in sides if side is not None)

    @property
    def trained_at(self) -> str:
        """When it was finished, ISO-8601 in UTC."""
        return str(self.manifest["created_at"])

    @property
    def newest_event_at(self) -> int:
        """Microseconds since 1970, of the newest event that it was trained on."""
        return int(self.manifest.get("newest_event_at") or 0)

    @cached_property
    def met_products(self) -> Indices:
        """(pairs,) the product of each pair that met, side by side: whole rows are many times the bytes."""
        return np.ascontiguousarray(self.maps.met.table["productId"])

    def _user_id(self, user: str) -> int:
        """The engine's id of a user, -1 for one that it never met."""
        row = self.users.find(user)
        return int(self.user_ids[row]) if row >= 0 else -1

    def user(self, user_id: int) -> str:
        """The shop's id of a user."""
        return self.users[int(self.row_of_user[user_id])]

    def vector(self, user_id: int) -> Floats | None:
        """(length,) of a user that the model knows."""
        ids, found = self.maps.user_ids, self.maps.user_vectors
        if ids is None or found is None:
            return None
        # Of the same type: all ids would be made into another one to compare.
        place = int(ids.searchsorted(ids.dtype.type(user_id)))
        return np.asarray(found[place]) if place < len(ids) and ids[place] == user_id else None

    def _named(self, row: int) -> bytes:
        """A product's id as JSON."""
        return orjson.dumps(self.products[row])

    def _details(self, row: int) -> bytes:
        """All that is known of a product, as the inside of a JSON object."""
        return orjson.dumps(self.product(row))[1:-1]

    def product(self, row: int) -> dict[str, Any]:
        """What is known of a product, as answers have it."""
        return {"product": self.products[row]} | {name: said[row].as_py() for name, said in self._said.items()}

    @cached_property
    def segments(self) -> dict[tuple[str, int], int]:
        """(features, segment) -> its place, of each in which something is popular."""
        groups = (self.manifest.get("segments") or {}).get("groups", [])
        return {(str(features), int(segment)): place for place, (features, segment) in enumerate(groups)}

    def place_of(self, user_id: int) -> int:
        """The place of the segment of a user whom the model does not know; NOWHERE without one, and for all others."""
        return self.maps.segments.place_of(user_id) if self.maps.segments is not None else NOWHERE

    def place_in(self, segments: Iterable[Mapping[str, Any]]) -> int:
        """The place of the first of these segments (features, method, segment) that the generation knows; or NOWHERE.

        Segments that were made later have the numbers of those that they go on from.
        """
        those = ((one["features"], one["segment"]) for one in segments if one["method"] == DECIDES)
        return next((self.segments[one] for one in those if one in self.segments), NOWHERE)

    def _order(self, place: int) -> Order:
        """What is popular in the segment at a place; the fallback's for NOWHERE, and where nobody has anything."""
        found = self.maps.segments
        if found is None or not 0 <= place < len(found.scores) or np.isnan(found.scores[place]).all():
            return Order(self.popular, self.popularity, self.fallback)
        scores = np.asarray(found.scores[place])
        best = np.argsort(-scores, kind="stable")[: int(np.isfinite(scores).sum())]
        return Order(best.astype(np.int32), scores, SEGMENT)

    @cached_property
    def categories(self) -> Codes:
        """Of each product."""
        return _codes(self.maps.products["category"])

    @cached_property
    def brands(self) -> Codes:
        """Of each product."""
        return _codes(self.maps.products["brand"])

    @cached_property
    def brand_times(self) -> np.ndarray:
        """(products,): when the brand was said, in microseconds; 0 where it is not known."""
        if "brand_at" not in self.maps.products.column_names:
            return np.zeros(len(self.products), np.int64)
        said = self.maps.products["brand_at"]
        return said.cast(pa.timestamp("us", said.type.tz)).cast(pa.int64()).fill_null(0).to_numpy()

    @cached_property
    def prices(self) -> np.ndarray:
        """(products,), NaN where there is none."""
        return pc.fill_null(self.maps.products["price"].cast(pa.float64()), np.nan).to_numpy()

    @cached_property
    def in_stock(self) -> np.ndarray:
        """(products,): whether it is known to be in stock, or not known to be out of it."""
        return np.asarray(pc.fill_null(self.maps.products["in_stock"], True))

    @cached_property
    def hidden(self) -> np.ndarray:
        """(products,): whether a rule of the shop keeps it out of all lists."""
        return np.asarray(self.maps.products["hidden"])

    @cached_property
    def boosts(self) -> np.ndarray:
        """(products,): what the shop's rules add, in standard deviations of a user's scores."""
        return self.maps.products["boost"].to_numpy()

    @cached_property
    def hidden_rows(self) -> Indices:
        """Those rows."""
        return np.flatnonzero(self.hidden).astype(np.int32)

    @cached_property
    def popular(self) -> Indices:
        """Rows of the fallback, the most popular first."""
        score = pc.fill_null(self.maps.products["popularity"].cast(pa.float64()), -np.inf).to_numpy()
        return np.argsort(-score, kind="stable")[: int(np.isfinite(score).sum())].astype(np.int32)

    @cached_property
    def popularity(self) -> np.ndarray:
        """(products,): the score of the fallback, 0 where it has none."""
        return pc.fill_null(self.maps.products["popularity"].cast(pa.float64()), 0.0).to_numpy()

    @cached_property
    def users_of(self) -> np.ndarray:
        """(products,): how many distinct users have shown interest."""
        return pc.fill_null(self.maps.products["users"].cast(pa.int64()), 0).to_numpy()

    @cached_property
    def similar(self) -> Similar | None:
        """Which products are like which, over places; None where the model does not say."""
        return Similar(*self.maps.similar) if len(self.maps.similar[1]) else None

    @cached_property
    def terms(self) -> Terms:
        """How events become strengths."""
        then = self.settings
        return Terms(then.weights, then.strength, then.half_life_days, self.newest_event_at)

    @cached_property
    def mould(self) -> Mould | None:
        """What users are folded into; None where there is no model."""
        if self.maps.product_vectors is None or self.maps.gram is None or self.maps.covariance is None:
            return None
        factors = int(self.manifest["model"]["factors"])
        trained = np.asarray(self.maps.products["trained"])[self.row_of_place]
        return Mould(
            _recipe(self.settings, self.manifest["model"]), self.maps.product_vectors, trained, factors,
            _equations(self.settings, self.manifest["model"]), np.asarray(self.maps.gram)[:factors, :factors],
            np.asarray(self.maps.covariance), self.similar,
        )  # fmt: skip


def opened(generation: Generation, settings: Settings) -> Served:
    """A generation; its arrays are made first where they are not there, as for one made before there were any."""
    if not maps.is_there(generation):
        maps.make(generation)
    return Served(generation, settings)


def _by_place(place_of_row: Indices) -> Indices:
    """The row of each place."""
    rows = np.flatnonzero(place_of_row >= 0)
    return rows[np.argsort(place_of_row[rows])].astype(np.int32)


def _ids(known: Indices) -> Indices:
    """All ids from 0 up to the largest."""
    return np.arange(int(known.max(initial=-1)) + 1, dtype=np.int32)


def _codes(column: pa.ChunkedArray) -> Codes:
    words = column.combine_chunks()
    known = {word: code for code, word in enumerate(words.dictionary.to_pylist())}
    return Codes(words.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32), known)


def _recipe(then: Settings, model: dict[str, Any]) -> Recipe:
    blend, is_blend = then.blend, then.algorithm == "blend"
    base = (blend.base or "als") if is_blend else then.algorithm
    alike = (blend.neighbours_weight or 0.0) if is_blend and base == "als" else 0.0
    return Recipe(
        "popular" if base in ("popular", "recent") else base,
        # Without any weight nothing is added, and there is no number for it.
        is_blend and bool(alike or blend.popularity_weight or blend.repeat_weight),
        alike,
        blend.popularity_weight or 0.0,
        blend.repeat_weight or 0.0,
        bool(model.get("boosted")),
        float(model.get("mean") or 0.0),
        then.explicit.shrinkage,
    )


def _equations(then: Settings, model: dict[str, Any]) -> Equations | None:
    """Those that own products explain scores by; None where nothing does."""
    if not model["explained"]:
        return None
    return terms.explicit(then.explicit) if then.algorithm == "ratings" else terms.implicit(then.als)
