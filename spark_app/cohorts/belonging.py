"""Wiring of who belongs to which segment: kept segments in; the members of each, and what lists are worth to them, out.

Where segments of several features are kept, a user belongs to the first that knows them, in the order of FEATURES; of
the two methods it is K-means that says to which. What a generation used stands in its manifest, to be used again.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app.cohorts import shelf_tables
from spark_app.evaluation import Metrics
from spark_app.fitting import judging
from spark_app.fitting.judging import Judgement
from spark_app.models import popular as popular_
from spark_app.running import progress
from spark_app.segmentation import DECIDES, Features
from spark_app.settings import Settings
from spark_app.storage import segment_files, shelves
from spark_app.storage.segment_files import SEGMENTS, Folder
from spark_app.storage.tables import DamagedError

# The judged users that no segment knows.
NONE = "none"
_WITHOUT = "their users get what is popular with all"


class Belonging(NamedTuple):
    """Kept segments of one set of features or several. Each of `groups` is a segment, and its place stands for it.

    `members` is (user, place), a row for each user and set of features.
    """

    folders: Sequence[Folder]
    groups: list[tuple[Features, int]]
    members: DataFrame

    def as_dict(self) -> dict[str, Any]:
        """As a manifest keeps it."""
        ids = {folder.features: folder.id for folder in self.folders}
        return {"ids": ids, "method": DECIDES, "groups": [list(group) for group in self.groups]}


def newest(spark: SparkSession, settings: Settings) -> Belonging | None:
    """By the newest kept segments; None where there are none. What cannot be read is one warning, and left out."""
    return _belonging(spark, kept(settings))


def again(spark: SparkSession, settings: Settings, recorded: Mapping[str, Any] | None) -> Belonging | None:
    """By the segments that a manifest names; one warning for what is gone or damaged, which is left out."""
    found: list[Folder] = []
    for features, name in ((recorded or {}).get("ids") or {}).items():
        there = [folder for folder in segment_files.listed(settings, features) if folder.id == name]
        try:
            for folder in there:
                shelves.ensure_readable(folder, (SEGMENTS,))
            found += there
        except DamagedError as error:
            progress.warn(f"{error}; {_WITHOUT}")
        if not there:
            progress.warn(f"segments {features} {name} are not kept any more: {_WITHOUT}")
    return _belonging(spark, found)


def kept(settings: Settings) -> list[Folder]:
    """The newest segments of each set of features, in their order; without what is damaged, which is one warning."""
    return segment_files.intact(settings, progress.warn)


def cut(folder: Folder, judgement: Judgement) -> dict[str, Any]:
    """NDCG of judged users cut by their segment: {features, id, "1": {users_judged, ndcg_at_10, popular}, ...}.

    `none` are those without a segment. The segments may have been made of the hold-out too: they cut the mean, and no
    list that was judged was made with them.
    """
    said = {"features": folder.features, "id": folder.id}
    if not judgement.lists:
        return said
    ours, popular = judgement.lists[judging.OURS], judgement.lists[popular_.SOURCE]
    users = ours.ndcg_by_user.index
    of_judged = pc.field("user").isin(pa.array(users.tolist(), pa.string())) & (pc.field("method") == DECIDES)
    rows = shelves.table(folder, SEGMENTS, ["user", "segment"], of_judged)
    of_user = pd.Series(rows["segment"].to_pylist(), index=rows["user"].to_pylist(), dtype="Int64").reindex(users)
    names = of_user.astype("string").fillna(NONE)
    order = [*map(str, sorted(of_user.dropna().unique())), *([NONE] if of_user.isna().any() else [])]
    return said | {name: _means(names == name, ours, popular) for name in order}


def _means(chosen: pd.Series, ours: Metrics, popular: Metrics) -> dict[str, Any]:
    values = {"ndcg_at_10": ours.ndcg_by_user, "popular": popular.ndcg_by_user}
    means = {name: float(np.mean(by_user[chosen.to_numpy()])) for name, by_user in values.items()}
    return {"users_judged": int(chosen.sum())} | means


def _belonging(spark: SparkSession, folders: Sequence[Folder]) -> Belonging | None:
    if not folders:
        return None
    assigned = [_assigned(spark, folder) for folder in folders]
    groups = [
        (folder.features, row["segment"])
        for folder, rows in zip(folders, assigned, strict=True)
        for row in rows.select("segment").distinct().orderBy("segment").collect()
    ]
    places = [(features, segment, place) for place, (features, segment) in enumerate(groups)]
    table = spark.createDataFrame(places, "features STRING, segment INT, place INT")
    everyone = reduce(DataFrame.unionByName, assigned).join(F.broadcast(table), ["features", "segment"])
    return Belonging(folders, groups, everyone.select("user", "place"))


def _assigned(spark: SparkSession, folder: Folder) -> DataFrame:
    """(user, features, segment)."""
    rows = shelf_tables.read(spark, folder, SEGMENTS)
    return rows.filter(F.col("method") == DECIDES).select("user", F.lit(folder.features).alias("features"), "segment")
