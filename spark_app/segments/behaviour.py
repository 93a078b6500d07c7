"""Events and what products are -> what each user did, as numbers: how lately, how often, for how much, of what, when.

A user who only posted did nothing here, and is left out. Days, weekdays and parts of the day are those of UTC.
The time of day is told in four parts, not in hours: most users have fewer events than a day has hours, and two dozen
columns that are mostly chance would outweigh all others once each is standardised. Weekdays and parts of the day weigh
less than other shares do, for the same reason: who came once came on one of them.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import rules
from spark_app.frames import turns
from spark_app.frames.held import hold
from spark_app.segmentation import WEEKDAYS, Column
from spark_app.segments import correlations, moments, per_user, tallies
from spark_app.segments.per_user import Chunk
from spark_app.segments.wide import Wide, code, narrowed, shares

# Categories and brands of the shop that have a column each.
TOP = 8
# From 0, 6, 12 and 18 hours on.
PARTS = ("night", "morning", "afternoon", "evening")
PURCHASE = rules.DEFAULT_EVENT_TYPE
# 1970-01-01.
_THURSDAY = 3
_MINUTE = 60_000_000

NUMBERS = (
    Column("recency_days", "days", "log"),
    Column("tenure_days", "days", "log"),
    Column("orders", "orders", "log"),
    Column("money", "money", "log"),
    Column("basket", "money an order", "log"),
    Column("basket_units", "units an order", "log"),
    Column("returns", "share"),
    Column("products", "products", "log"),
    Column("sessions", "sessions", "log"),
    Column("session_minutes", "minutes a session", "log"),
    Column("session_events", "events a session", "log"),
    # Behind the others, since it is what is left out where it says the same: a shop without sessions counts days.
    Column("active_days", "days", "log"),
)


class Shop(NamedTuple):
    """What all users are seen against: the newest event, in microseconds, and the words that have columns."""

    events: int
    newest: int
    kinds: tuple[str, ...]
    categories: tuple[str, ...]
    brands: tuple[str, ...]

    @property
    def columns(self) -> list[Column]:
        """All that could be told of a user, in order."""
        return [
            *NUMBERS,
            *shares("event", self.kinds, rest=False),
            *shares("category", self.categories),
            *shares("brand", self.brands),
            *shares("weekday", WEEKDAYS, rest=False, told=len(WEEKDAYS) ** -0.5),
            *shares("part", PARTS, rest=False, told=len(PARTS) ** -0.5),
        ]


def wide(events: DataFrame, details: DataFrame, weights: Mapping[str, float], *, top: int = TOP) -> Wide:
    """One row per user with an event that is no post, from schemas.EVENT and schemas.PRODUCT_DETAILS.

    - recency_days: from the user's newest event back from the newest of the table; tenure_days: since the first.
    - active_days: days with an event; orders: sessions with a purchase, or days with one where no session is said.
    - money: of purchases, total_price or else price x quantity, less returns. basket, basket_units: money and quantity
      bought an order. returns: how many of the purchases are returns, which have a quantity below 0.
    - products: different ones that the user turned to, as recency.py says by the weights. Shares of categories and
      brands are of the same events, where they are known: the `top` of the shop, and all others together.
    - sessions, session_minutes, session_events: by session_id, without one by gaps of half an hour.
    - shares of event types, weekdays and parts of the day are of all events.

    Columns that are the same for all users are left out, if not all are. Correlations are Pearson's, of each column on
    its scale; of two at 0.98 or above, or at -0.98 or below, the later is left out if there are 30 users, and if both
    are of a kind: numbers, categories and brands, event types, weekdays, or parts of the day.
    """
    words = {name: F.nullif(F.trim(name), F.lit("")) for name in ("category", "brand")}
    details = details.withColumns(words)
    shop = _shop(events, details, weights, top)
    near, columns = per_user.is_small(shop.events), shop.columns
    rows = _rows(events, details, weights, shop)
    return _varying(hold(per_user.of(rows, counting(shop), near=near)), columns, near=near)


def counting(shop: Shop) -> Callable[[Chunk], npt.NDArray[np.float64]]:
    """What is told of the users of a chunk, in the order of the shop's columns."""
    purchase = shop.kinds.index(PURCHASE) if PURCHASE in shop.kinds else len(shop.kinds)

    def count(chunk: Chunk) -> npt.NDArray[np.float64]:
        user, users, row = chunk.user, chunk.users, chunk.columns
        day, hour = row["at"] // rules.MICROS_A_DAY, row["at"] % rules.MICROS_A_DAY // (60 * _MINUTE)
        days = tallies.runs(chunk.user, day, users)
        numbers = [*_ages(chunk, shop.newest), *_money(chunk, day, purchase), *_visits(chunk), days]
        return np.hstack([
            np.column_stack(numbers),
            tallies.shares(user, row["kind"], users, len(shop.kinds)),
            tallies.shares(user, np.where(row["turned"], row["category"], -1), users, _width(shop.categories)),
            tallies.shares(user, np.where(row["turned"], row["brand"], -1), users, _width(shop.brands)),
            tallies.shares(user, (day + _THURSDAY) % 7, users, len(WEEKDAYS)),
            tallies.shares(user, hour // 6, users, len(PARTS)),
        ])  # fmt: skip

    return count


def _ages(chunk: Chunk, newest: int) -> list[tallies.Floats]:
    """Recency, tenure."""
    at, first = chunk.columns["at"], np.flatnonzero(np.diff(chunk.user, prepend=-1))
    last = np.append(first[1:], len(at)) - 1
    return [(newest - at[place]) / rules.MICROS_A_DAY for place in (last, first)]


def _money(chunk: Chunk, day: tallies.Ints, purchase: int) -> list[tallies.Floats]:
    """Orders, money, basket, units of a basket, returns."""
    user, users, row = chunk.user, chunk.users, chunk.columns
    is_purchase = row["kind"] == purchase
    bought, sent_back = is_purchase & (row["quantity"] > 0), is_purchase & (row["quantity"] < 0)
    orders = np.zeros(users)
    for told, key in ((row["in_session"], row["session"]), (~row["in_session"], day)):
        orders += tallies.distinct(user[bought & told], key[bought & told], users)
    paid, units = (tallies.sums(user, row[name] * bought, users) for name in ("amount", "quantity"))
    returns = tallies.ratio(tallies.sums(user, sent_back, users), tallies.sums(user, is_purchase, users))
    money = tallies.sums(user, row["amount"] * is_purchase, users)
    return [orders, money, tallies.ratio(paid, orders), tallies.ratio(units, orders), returns]


def _visits(chunk: Chunk) -> list[tallies.Floats]:
    """Products, sessions, their minutes and their events."""
    user, users, row = chunk.user, chunk.users, chunk.columns
    turned = row["turned"]
    found = tallies.visits(user, row["at"], row["session"], row["in_session"], users)
    events = tallies.sums(user, np.ones(len(user)), users)
    products = tallies.distinct(user[turned], row["product"][turned], users)
    return [products, found.number, tallies.ratio(found.length / _MINUTE, found.number), events / found.number]


def _width(words: tuple[str, ...]) -> int:
    return len(words) + 1 if words else 0


def _shop(events: DataFrame, details: DataFrame, weights: Mapping[str, float], top: int) -> Shop:
    """In one pass over the events: what is counted by product comes to this program as its commonest words alone."""
    met = events.groupBy("event_type", "product").agg(
        F.count("*").alias("events"),
        F.count(F.when(turns.to_product(weights), 1)).alias("count"),
        F.max(F.unix_micros("occurred_at")).alias("newest"),
    )
    met = hold(met.join(details.select("product", "category", "brand"), "product", "left"))
    kinds = met.groupBy("event_type").agg(F.sum("events").alias("events"), F.max("newest").alias("newest")).collect()
    words = correlations.commonest(met.filter("count > 0"), ("category", "brand"), top)
    return Shop(
        events=sum(row["events"] for row in kinds),
        newest=max((row["newest"] for row in kinds), default=0),
        kinds=tuple(sorted(row["event_type"] for row in kinds if row["event_type"] != rules.POST)),
        categories=words["category"],
        brands=words["brand"],
    )


def _rows(events: DataFrame, details: DataFrame, weights: Mapping[str, float], shop: Shop) -> DataFrame:
    """The events that are no posts, as numbers; ids and sessions as hashes of 64 bits."""
    of_product = details.select(
        F.xxhash64("product").alias("product"),
        code(F.col("category"), shop.categories).alias("category"),
        code(F.col("brand"), shop.brands).alias("brand"),
        F.col("price").alias("list_price"),
    )
    told = events.filter(F.col("event_type") != rules.POST).select(
        "user",
        F.unix_micros("occurred_at").alias("at"),
        F.xxhash64("product").alias("product"),
        code(F.col("event_type"), shop.kinds).alias("kind"),
        "quantity",
        turns.to_product(weights).alias("turned"),
        F.col("session_id").isNotNull().alias("in_session"),
        F.xxhash64("session_id").alias("session"),
        "total_price",
        F.coalesce("price", "product_data.price").alias("price"),
    )
    joined = told.join(F.broadcast(of_product), "product", "left")
    words = [F.coalesce(name, F.lit(-1)).alias(name) for name in ("category", "brand")]
    first = ("user", "at", "product", "kind", "quantity", "session", "in_session", "turned")
    return joined.select(*first, _amount().alias("amount"), *words)


def _amount() -> SparkColumn:
    """What was paid; below 0 for a return, also where the total of one is told without its sign."""
    told = F.when(F.col("quantity") < 0, -F.abs("total_price")).otherwise(F.col("total_price"))
    return F.coalesce(told, F.coalesce("price", "list_price", F.lit(0.0)) * F.col("quantity"))


def _varying(table: DataFrame, columns: list[Column], *, near: bool) -> Wide:
    """Without the columns that are the same for all, or for all users as another column is."""
    found = moments.of_table(table, columns, near=near)
    places = np.flatnonzero(found.varies) if found.varies.any() else np.arange(len(columns))
    names = [columns[place].name for place in places]
    products = found.products[np.ix_(places, places)]
    pairs = correlations.of_numbers(names, found._replace(products=products), [_kind(name) for name in names])
    same = {dropped for _, dropped, _ in pairs.merged}
    kept = [int(place) for place in places if columns[place].name not in same]
    return Wide(narrowed(table, kept), tuple(columns[place] for place in kept), pairs)


def _kind(name: str) -> str:
    """Of a column; what a brand says may be what its category says."""
    kind = name.partition(":")[0] if ":" in name else ""
    return "category" if kind == "brand" else kind
