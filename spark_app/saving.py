"""Wiring of what a generation keeps: what was learnt in, its tables and files on disk out."""

from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import gate, generations, graph, recommendations, schemas, training
from spark_app.generations import Generation
from spark_app.models import popular
from spark_app.training import Index, Learned, Shop


def model(spark: SparkSession, generation: Generation, learned: Learned, ids: Index, shop: Shop) -> None:
    """Ids, names and what is popular; the model, and what explains it."""
    products = ids.products.join(shop.details, "product", "left")
    named = products.select("product", "productId", "name", "category", "brand", "price")
    nobody = spark.createDataFrame([], schemas.SIMILAR)
    similar = learned.model.similar if learned.model is not None else None
    for name, table in (
        (generations.USERS, ids.users),
        (generations.PRODUCTS, named),
        (generations.POPULAR, _popular(learned, ids)),
        (generations.CATALOGUE, training.catalogue(learned, ids)),
        (generations.SIMILAR, nobody if similar is None else similar),
    ):
        generations.write_table(generation, name, table.coalesce(1))
    generations.write_table(generation, generations.INTERACTIONS, training.kept_interactions(learned, ids))
    if learned.model is None:
        return
    for name, vectors, key in (
        (generations.USER_FACTORS, learned.model.users, "userId"),
        (generations.PRODUCT_FACTORS, learned.model.all_products().select("productId", "vector"), "productId"),
    ):
        generations.write_table(generation, name, vectors)
        generations.write_factors(generation, name, *recommendations.collected(vectors, key))


def described(learned: Learned) -> dict[str, Any]:
    """What the manifest says of the model, for those who read its factors."""
    found = learned.model
    return {
        "source": found.source if found else None,
        "factors": found.factors if found else 0,
        "explained": bool(found and found.equations),
        "fallback": learned.fallback.source,
    }


def graph_of_lists(spark: SparkSession, generation: Generation) -> str:
    """Build the graph of the lists as they were written; gives its size in words."""
    lists = generations.read(spark, generation, generations.RECOMMENDATIONS)
    built = graph.build(lists, generations.read(spark, generation, generations.PRODUCTS).drop("productId"))
    generations.write_table(generation, generations.VERTICES, built.vertices)
    generations.write_table(generation, generations.EDGES, built.edges)
    built.unpersist()
    vertices = generations.read(spark, generation, generations.VERTICES)
    found = vertices.agg(F.count("*"), F.countDistinct("community"), F.countDistinct("component")).first()
    return f"{found[0]:,} vertices, {found[1]:,} communities, {found[2]:,} components"


def overlap(spark: SparkSession, generation: Generation, published: Generation | None) -> float | None:
    """The share of each list's first ten that the published lists held, the mean; None where nothing is published."""
    if published is None:
        return None
    name = generations.RECOMMENDATIONS
    return gate.overlap(generations.read(spark, generation, name), generations.read(spark, published, name))


def _popular(learned: Learned, ids: Index) -> DataFrame:
    """(product, users, score): the fallback's order, without what the shop hides; `users` are distinct ones."""
    score = recommendations.for_everyone(learned.fallback).join(ids.products, "productId")
    if learned.touched is not None:
        score = score.join(learned.touched.filter("hidden"), "productId", "left_anti")
    rows = popular.counts(learned.liked).join(score, "product")
    return rows.select("product", "users", "score").orderBy(F.desc("score"), "product")
