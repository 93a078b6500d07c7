"""A generation's tables as arrays to be mapped: what serving looks up by a user or a product, found by its place.

Made once, from the tables, when a generation is written; nothing of it is read into memory to be used. Products stand
in the order of their ids, those that the model knows at the places of their vectors; users stand in theirs.
"""

import shutil
from bisect import bisect_left
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_app import generations
from spark_app.generations import Generation
from spark_app.mapped import folded, graph_maps, segment_maps
from spark_app.mapped.graph_maps import GraphMaps
from spark_app.mapped.segment_maps import SegmentMaps
from spark_app.numbers import equations, vectors
from spark_app.numbers.arrays import Doubles, Floats

FOLDER = "maps"
# Rows that were written with another meaning are made anew.
FORMAT = 2
# Stands for a time that is not there.
NULL_TIME = np.iinfo(np.int64).min
_LISTED = ["userId", "productId", "rank", "score", "source", "because"]


class Rows(NamedTuple):
    """Rows by the user's engine id: those of u are table[starts[u]:starts[u + 1]]."""

    starts: NDArray[np.int64]
    table: np.ndarray

    def of(self, user_id: int) -> np.ndarray:
        """The rows of one user; none for one that came later."""
        if user_id + 1 >= len(self.starts):
            return self.table[:0]
        return self.table[self.starts[user_id] : self.starts[user_id + 1]]


class Sorted:
    """Ids in the order of their bytes, to be found by halving; nothing is copied from where they are mapped."""

    def __init__(self, names: pa.ChunkedArray) -> None:
        self.names = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> str:
        return str(self.names[row].as_py())

    def find(self, name: str) -> int:
        """Its row, -1 for one that is not there."""
        wanted = name.encode(errors="surrogatepass")
        row = bisect_left(range(len(self)), wanted, key=lambda place: self.names[place].as_buffer().to_pybytes())
        return row if row < len(self) and self.names[row].as_py() == name else -1


class Searched(NamedTuple):
    """What is searched, folded: ids of users and of products, their names as words, and all that is said of them."""

    users: pa.ChunkedArray
    products: pa.ChunkedArray
    names: pa.ChunkedArray
    texts: pa.ChunkedArray


class Maps(NamedTuple):
    """All arrays of a generation.

    `users` (user, userId) and `products` (product, productId, place, name, category, brand, price, in_stock, hidden,
    boost, rule, trained, users, popularity) are in the order of the shop's ids. `met` are the pairs with what explains
    them, `lists` the published ones, a row for each userId. `similar` is over places, `gram` and `covariance` are of
    the vectors that were learnt, None where there is no model. `graph` is None where there is no graph, `segments`
    where none were kept.
    """

    users: pa.Table
    products: pa.Table
    met: Rows
    lists: np.ndarray
    similar: tuple[np.ndarray, np.ndarray, np.ndarray]
    gram: Doubles | None
    covariance: Doubles | None
    user_ids: np.ndarray | None
    user_vectors: Floats | None
    product_vectors: Floats | None
    searched: Searched
    graph: GraphMaps | None
    segments: SegmentMaps | None


def is_there(generation: Generation) -> bool:
    """Whether the arrays were made, and in this format."""
    return (_home(generation) / f"format-{FORMAT}").exists()


def make(generation: Generation) -> None:
    """Make the arrays from the tables of a generation, whole or not at all."""
    aside = generation.folder / f".{FOLDER}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    products = _products(generation)
    users = generations.scan(generation, generations.USERS).sort_by("user")
    _write(aside / "users.arrow", users)
    _write(aside / "products.arrow", products)
    _make_searched(users, products, aside)
    _make_met(generation, aside)
    _make_lists(generation, products, aside)
    graph_maps.make(generation, users, products, _mapped(aside / "lists.npy"), aside)
    segment_maps.make(generation, products, aside)
    _make_similar(generation, aside)
    _make_moments(generation, products, aside)
    (aside / f"format-{FORMAT}").touch()
    shutil.rmtree(_home(generation), ignore_errors=True)
    aside.rename(_home(generation))


def add_graph(generation: Generation) -> None:
    """Make the arrays of a graph that was built after all others; nothing where those were not made."""
    home = _home(generation)
    if is_there(generation):
        users, products = (_read(home / f"{name}.arrow") for name in ("users", "products"))
        graph_maps.make(generation, users, products, _mapped(home / "lists.npy"), home)


def opened(generation: Generation) -> Maps:
    """The arrays, mapped; raises FileNotFoundError where they were not made."""
    home = _home(generation)
    factors = {name: _mapped(generation.folder / f"{name}.npy") for name in generations.FACTOR_KEYS}
    return Maps(
        _read(home / "users.arrow"),
        _read(home / "products.arrow"),
        Rows(_mapped(home / "met_starts.npy"), _mapped(home / "met.npy")),
        _mapped(home / "lists.npy"),
        tuple(_mapped(home / f"similar_{name}.npy") for name in ("starts", "places", "values")),
        _mapped(home / "gram.npy"),
        _mapped(home / "covariance.npy"),
        _mapped(generation.folder / f"{generations.USER_FACTORS}_ids.npy"),
        factors[generations.USER_FACTORS],
        factors[generations.PRODUCT_FACTORS],
        Searched(
            _read(home / "searched_users.arrow")["id"],
            *(_read(home / "searched_products.arrow")[name] for name in ("id", "name", "text")),
        ),
        _graph(home),
        segment_maps.opened(home),
    )


def _graph(home: Path) -> GraphMaps | None:
    parts = [_mapped(home / f"{name}.npy") for name in ("graph_users", "graph_products", "listed_starts", "listed")]
    return None if any(part is None for part in parts) else GraphMaps(*parts)


def _home(generation: Generation) -> Path:
    return generation.folder / FOLDER


def _mapped(path: Path) -> Any:
    # A plain view: the class for mapped arrays does more at each access.
    return np.load(path, mmap_mode="r").view(np.ndarray) if path.exists() else None


def _write(path: Path, table: pa.Table) -> None:
    """One batch, so that each column is one run of bytes to be mapped."""
    whole = table.combine_chunks()
    with pa.ipc.new_file(path, whole.schema) as file:
        file.write_table(whole)


def _read(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _products(generation: Generation) -> pa.Table:
    """Every product in the order of its id, with its place among the vectors, -1 for one that has none."""
    named = generations.scan(generation, generations.PRODUCTS)
    if "in_stock" not in named.column_names:
        named = named.append_column("in_stock", pa.nulls(len(named), pa.bool_()))
    popular = generations.scan(generation, generations.POPULAR).rename_columns({"score": "popularity"})
    rows = named.join(generations.scan(generation, generations.CATALOGUE), "productId").join(popular, "product")
    rows = rows.sort_by("product")
    ids = rows["productId"].to_numpy()
    path = generation.folder / f"{generations.PRODUCT_FACTORS}_ids.npy"
    place = vectors.places(np.load(path), ids) if path.exists() else np.full(len(ids), -1, np.int32)
    for name in ("category", "brand"):
        rows = rows.set_column(rows.column_names.index(name), name, rows[name].combine_chunks().dictionary_encode())
    return rows.append_column("place", pa.array(place))


def _make_searched(users: pa.Table, products: pa.Table, home: Path) -> None:
    """Ids and names as they are compared with what is searched for."""
    _write(home / "searched_users.arrow", pa.table({"id": folded.texts(users["user"])}))
    ids, *others = (folded.texts(products[name].cast(pa.string())) for name in ("product", "name", "brand", "category"))
    told = pc.binary_join_element_wise(ids, *others, "\n")
    found = pa.table({"id": ids, "name": folded.words(others[0]), "text": told})
    _write(home / "searched_products.arrow", found)


def _make_met(generation: Generation, home: Path) -> None:
    """Pairs by user, from a table that is written in the order of users and products: a number a user is held, no row.

    Few are not in order, and are sorted here.
    """
    source = generations.opened(generation, generations.INTERACTIONS)
    kind, counts = _record(source.schema), np.zeros(_ids(generation), np.int64)
    table = np.lib.format.open_memmap(home / "met.npy", "w+", kind, (source.count_rows(),))
    at, last, in_order = 0, -1, True
    for batch in generations.batches(generation, generations.INTERACTIONS, source.schema.names):
        users, some = batch.column("userId").to_numpy(), slice(at, at + len(batch))
        for name in kind.names or ():
            table[name][some] = _plain(batch.column(name))
        there, times = np.unique(users, return_counts=True)
        counts[there] += times
        in_order = in_order and bool((np.diff(users, prepend=last) >= 0).all())
        at, last = at + len(batch), users[-1] if len(users) else last
    if not in_order:
        users = source.to_table(columns=["userId"])["userId"].to_numpy()
        table[:] = table[np.lexsort((table["productId"], users))]
    table.flush()
    np.save(home / "met_starts.npy", np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _ids(generation: Generation) -> int:
    """How many engine ids of users were given."""
    return 1 + generations.highest(generation, generations.USERS, "userId", -1)


def _record(schema: pa.Schema) -> np.dtype:
    """A row of pairs, from the columns of the table but the user: null is NaN, and the least time there is."""
    kinds = {pa.int32(): "i4", pa.int64(): "i8", pa.float32(): "f4", pa.float64(): "f8", pa.bool_(): "?"}
    names = [name for name in schema.names if name != "userId"]
    return np.dtype([(name, kinds.get(schema.field(name).type, "i8")) for name in names])


def _plain(column: pa.Array) -> np.ndarray:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).fill_null(NULL_TIME).to_numpy()
    if pa.types.is_floating(column.type):
        return column.fill_null(np.nan).to_numpy()
    if pa.types.is_boolean(column.type):
        return np.asarray(column.fill_null(False))
    return column.fill_null(0).to_numpy()


def _make_lists(generation: Generation, products: pa.Table, home: Path) -> None:
    """A row for each userId: rows of `products`, -1 behind the end, with scores and reasons."""
    length = _length(generation)
    kind = np.dtype(
        [("rows", "i4", (length,)), ("scores", "f4", (length,)), ("because", "i4", (length, 3)), ("source", "S16")]
    )
    lists = np.lib.format.open_memmap(home / "lists.npy", "w+", kind, (max(_ids(generation), 1),))
    lists["rows"], lists["because"] = -1, -1
    names, row_of = products["product"].combine_chunks(), _row_of(products)
    for batch in generations.batches(generation, generations.RECOMMENDATIONS, _LISTED):
        users, ranks = batch.column("userId").to_numpy(), batch.column("rank").to_numpy() - 1
        lists["rows"][users, ranks] = row_of[batch.column("productId").to_numpy()]
        lists["scores"][users, ranks] = batch.column("score").to_numpy()
        lists["source"][users] = np.asarray(batch.column("source").to_pylist(), "S16")
        _put_reasons(lists["because"], users, ranks, batch.column("because"), names)
    lists.flush()


def _put_reasons(target: np.ndarray, users: np.ndarray, ranks: np.ndarray, because: pa.ListArray, names: Any) -> None:
    starts = vectors.offsets(because)
    rows = np.repeat(np.arange(len(because)), np.diff(starts))
    places = np.arange(len(rows)) - starts[rows]
    found = pc.index_in(because.flatten(), names).fill_null(-1).to_numpy()
    target[users[rows], ranks[rows], places] = found


def _length(generation: Generation) -> int:
    return generations.highest(generation, generations.RECOMMENDATIONS, "rank", 1)


def _row_of(products: pa.Table) -> np.ndarray:
    """productId -> row."""
    return vectors.places(products["productId"].to_numpy(), np.arange((pc.max(products["productId"]).as_py() or 0) + 1))


def _make_similar(generation: Generation, home: Path) -> None:
    """Who is like whom, over places."""
    path = generation.folder / f"{generations.PRODUCT_FACTORS}_ids.npy"
    ids = np.load(path) if path.exists() else np.empty(0, np.int32)
    rows = generations.scan(generation, generations.SIMILAR)
    found = vectors.similar(rows, ids)
    for name, values in (("starts", found.indptr), ("places", found.indices), ("values", found.values)):
        np.save(home / f"similar_{name}.npy", values)


def _make_moments(generation: Generation, products: pa.Table, home: Path) -> None:
    """Y'Y of the factors, and the covariance of the vectors, of the products that were learnt from."""
    path = generation.folder / f"{generations.PRODUCT_FACTORS}.npy"
    if not path.exists():
        return
    every = np.load(path, mmap_mode="r")
    known = products.filter(pc.greater_equal(products["place"], 0)).sort_by("place")
    trained = np.asarray(known["trained"])
    learnt = every if trained.all() else every[trained]
    np.save(home / "gram.npy", equations.gram(learnt))
    np.save(home / "covariance.npy", vectors.covariance(learnt))
