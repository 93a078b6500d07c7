"""A generation as a model that MLflow loads: its own files in, the lists of the users that are asked for out.

This file is logged beside the data, and is loaded without the rest of the package and without Spark: it needs pandas
and pyarrow. The factors (.npy, with their ids) lie in the same folder, to be mapped by whoever wants to score anew.
"""

from pathlib import Path

import pandas as pd
import pyarrow.dataset as ds

USERS, LISTS, POPULAR = "users", "recommendations", "popular"
COLUMNS = {"user": "str", "product": "str", "rank": "int32", "score": "float32", "source": "str"}


class Lists:
    """The lists of one generation."""

    def __init__(self, folder: Path) -> None:
        self.lists = _table(folder, LISTS, tuple(COLUMNS)).sort_values(["user", "rank"], ignore_index=True)
        self.users = frozenset(_table(folder, USERS, ("user",))["user"])
        self.places = self.lists.groupby("user").indices
        self.popular = _ranked(_table(folder, POPULAR, ("product", "score")))
        self.length = int(self.lists["rank"].max()) if len(self.lists) else len(self.popular)

    def predict(self, asked: pd.DataFrame) -> pd.DataFrame:
        """(user, product, rank, score, source) of each `user`, best first; popular products for one it does not know.

        The optional column `n` makes a list shorter. The score of a popular product is that of the fallback.
        """
        lengths = asked["n"] if "n" in asked else [self.length] * len(asked)
        found = [self._list(user, int(n)) for user, n in zip(asked["user"], lengths, strict=True)]
        return pd.concat(found or [self.lists.head(0)], ignore_index=True).astype(COLUMNS)

    def _list(self, user: str, n: int) -> pd.DataFrame:
        """A user that is known and has no list has met everything."""
        if user in self.users:
            return self.lists.iloc[self.places.get(user, [])].head(n)
        return self.popular.head(min(n, self.length)).assign(user=user)[list(COLUMNS)]


def _load_pyfunc(data_path: str) -> Lists:
    """What MLflow calls with the folder that was logged."""
    return Lists(Path(data_path))


def _table(folder: Path, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    return ds.dataset(folder / name, format="parquet").to_table(columns=list(columns)).to_pandas()


def _ranked(popular: pd.DataFrame) -> pd.DataFrame:
    """The best first, ties by product."""
    best = popular.sort_values(["score", "product"], ascending=[False, True], ignore_index=True)
    return best.assign(rank=best.index + 1, source=POPULAR)
