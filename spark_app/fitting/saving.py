"""Wiring of what a generation keeps: what was learnt in, its tables and files on disk out."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from spark_app import gate, generations, graph, recommendations, schemas
from spark_app.fitting import training
from spark_app.fitting.training import Index, Learned, Shop
from spark_app.frames import near
from spark_app.generations import Generation
from spark_app.mapped import maps
from spark_app.models import Model, popular
from spark_app.numbers.vectors import places

_NAMED = ["product", "productId", "name", "category", "brand", "price", "in_stock", "brand_at"]
_TOUCHED = pa.schema({"productId": pa.int32(), "hidden": pa.bool_(), "boost": pa.float64(), "rule": pa.string()})


def model(generation: Generation, learned: Learned, ids: Index, shop: Shop) -> None:
    """Ids, names and what is popular; the model, and what explains it.

    What has a row for each user goes through the driver only in a small shop, where that is sooner.
    """
    products = ids.products.toArrow()
    named = products.join(shop.details.toArrow(), "product").sort_by("productId")
    for name, rows in (
        (generations.PRODUCTS, named.select(_NAMED)),
        (generations.POPULAR, _popular(learned, ids)),
        (generations.CATALOGUE, _catalogue(products, learned)),
        (generations.SIMILAR, _similar(learned.model)),
    ):
        generations.write_rows(generation, name, rows)
    _users(generation, ids)
    generations.write_table(generation, generations.INTERACTIONS, training.kept_interactions(learned, ids))
    if learned.segmental is not None and learned.members is not None:
        generations.write_rows(generation, generations.SEGMENT_MEMBERS, _members(learned.members))
        generations.write_rows(generation, generations.SEGMENT_POPULAR, _popular_in_segments(learned.segmental))
    if learned.model is None:
        return
    # Products in the order of the shop's ids, in which ties are broken.
    found, matrix = recommendations.collected(learned.model.all_products(), "productId")
    order = _order(products, found)
    generations.write_factors(generation, generations.PRODUCT_FACTORS, found[order], matrix[order])
    if ids.small:
        found, matrix = recommendations.collected(learned.model.users, "userId")
        generations.write_factors(generation, generations.USER_FACTORS, found, matrix)
    else:
        generations.write_factors_table(generation, generations.USER_FACTORS, learned.model.users)


def _users(generation: Generation, ids: Index) -> None:
    """Names and ids of all users, in the order of the ids."""
    if ids.small:
        generations.write_rows(generation, generations.USERS, ids.users.toArrow().sort_by("userId"))
    else:
        generations.write_table(generation, generations.USERS, ids.users.orderBy("userId"))


def _order(products: pa.Table, ids: NDArray[np.int32]) -> NDArray[np.int64]:
    """The places of engine ids in the order of the shop's."""
    return np.argsort(places(products.sort_by("product")["productId"].to_numpy(), ids))


def described(learned: Learned) -> dict[str, Any]:
    """What the manifest says of the model, for those who read its factors."""
    found = learned.model
    return {
        "source": found.source if found else None,
        "factors": found.factors if found else 0,
        "explained": bool(found and found.equations),
        "fallback": learned.fallback.source,
        "boosted": bool(found) and _is_boosted(learned),
        "mean": found.mean if found else 0.0,
    }


def graph_of_lists(spark: SparkSession, generation: Generation) -> str:
    """Build the graph of the lists as they were written; gives its size in words."""
    lists = generations.read(spark, generation, generations.RECOMMENDATIONS)
    built = graph.build(lists, generations.read(spark, generation, generations.PRODUCTS).drop("productId"))
    generations.write_table(generation, generations.VERTICES, built.vertices)
    generations.write_table(generation, generations.EDGES, built.edges)
    built.unpersist()
    maps.add_graph(generation)
    # Both are numbered from 0.
    communities, components = (
        1 + generations.highest(generation, generations.VERTICES, name, -1) for name in ("community", "component")
    )
    rows = generations.opened(generation, generations.VERTICES).count_rows()
    return f"{rows:,} vertices, {communities:,} communities, {components:,} components"


def overlap(spark: SparkSession, generation: Generation, published: Generation | None) -> float | None:
    """The share of each list's first ten that the published lists held, the mean; None where nothing is published."""
    if published is None:
        return None
    name = generations.RECOMMENDATIONS
    return gate.overlap(generations.read(spark, generation, name), generations.read(spark, published, name))


def _is_boosted(learned: Learned) -> bool:
    """Whether a number of each vector is for the shop's rules."""
    return learned.touched is not None and not learned.touched.filter("boost != 0").isEmpty()


def _popular(learned: Learned, ids: Index) -> pa.Table:
    """(product, users, score): the fallback's order, without what the shop hides; `users` are distinct ones."""
    score = recommendations.for_everyone(learned.fallback).join(ids.products, "productId")
    if learned.touched is not None:
        score = score.join(learned.touched.filter("hidden"), "productId", "left_anti")
    rows = popular.counts(learned.liked).join(score, "product").select("product", "users", "score").toArrow()
    return rows.sort_by([("score", "descending"), ("product", "ascending")])


def _members(members: DataFrame) -> pa.Table:
    """(userId, place) of users whose list is that of a segment."""
    return members.select("userId", "place").toArrow().sort_by("userId")


def _popular_in_segments(segmental: Model) -> pa.Table:
    """(place, productId, score): what each product is worth in each segment; hidden ones too."""
    ids, products = recommendations.collected(segmental.products, "productId")
    segments, users = recommendations.collected(segmental.users, "userId")
    return pa.table({
        "place": np.repeat(segments, len(ids)), "productId": np.tile(ids, len(segments)),
        "score": (users @ products.T).ravel(),
    })  # fmt: skip


def _catalogue(products: pa.Table, learned: Learned) -> pa.Table:
    """What is known of each product beside its name, as schemas.CATALOGUE."""
    ids, trained = products["productId"], pa.array([], pa.int32())
    if learned.model is not None:
        trained = learned.model.products.select("productId").toArrow()["productId"]
    rows = pa.table({"productId": ids, "trained": pc.is_in(ids, trained)})
    touched = _TOUCHED.empty_table()
    if learned.touched is not None:
        touched = learned.touched.select(*_TOUCHED.names).toArrow().cast(_TOUCHED)
    rows = rows.join(touched, "productId").sort_by("productId")
    for name, nothing in (("hidden", False), ("boost", 0.0)):
        rows = rows.set_column(rows.column_names.index(name), name, pc.fill_null(rows[name], nothing))
    return rows.select(schemas.names(schemas.CATALOGUE))


def _similar(model: Model | None) -> pa.Table:
    """Which products are like which, as schemas.SIMILAR."""
    return near.empty(schemas.SIMILAR) if model is None or model.similar is None else model.similar.toArrow()
