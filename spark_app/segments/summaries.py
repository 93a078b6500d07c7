"""Profiles, what segments turn to and strategies -> what is said of each segment in summary.json; plain rows, no Spark.

    {"kmeans": [{"segment": 1, "label": "...", "size": 1, "share": 0.5, "strategy": "...", "top_products": [...], ...}]}
"""

from collections.abc import Sequence
from typing import Any

from spark_app.segments import strategies, tops
from spark_app.segments.profiles import Profile, Trait
from spark_app.segments.strategies import Strategy
from spark_app.segments.tops import Top

# So many columns that set a segment apart are told, and so many categories and brands.
APART, WORDS = 5, 3


def of(profiles: Sequence[Profile], rows: Sequence[Top], advice: Sequence[Strategy]) -> dict[str, list[dict[str, Any]]]:
    """The segments of each method, in order of their numbers; `advice` has one strategy for each profile."""
    told: dict[str, list[dict[str, Any]]] = {}
    of_segment = {(one.method, one.segment): one for one in advice}
    for profile in sorted(profiles, key=lambda one: one[:2]):
        own = tops.of_segment(rows, *profile[:2])
        told.setdefault(profile.method, []).append(_segment(profile, own, of_segment[profile[:2]]))
    return told


def _segment(profile: Profile, rows: Sequence[Top], advice: Strategy) -> dict[str, Any]:
    names = {row.key: row.label for row in rows if row.kind == "product"}
    return {
        "segment": profile.segment,
        "label": profile.label,
        "size": profile.size,
        "share": profile.share,
        "strategy": advice.strategy,
        "top_products": [{"product": product, "name": names[product]} for product in advice.top_products],
        "top_categories": [row.label for row in tops.leading(rows, "category")[:WORDS]],
        "top_brands": [row.label for row in tops.leading(rows, "brand")[:WORDS]],
        "top_times": [row.label for row in strategies.times(rows)],
        "apart": [_apart(trait) for trait in profile.telling[:APART] if round(trait.apart, 9)],
    }


def _apart(trait: Trait) -> dict[str, Any]:
    return {"feature": trait.feature, "mean": trait.mean, "overall_mean": trait.overall_mean, "lift": trait.lift}
