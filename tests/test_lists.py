"""Lists of the API: filters before ranking, and every answer says what they took."""

import asyncio

import pytest
from builders import events, generation
from conftest import settings_for
from pyspark.sql import functions as F

from spark_app.mapped import maps
from spark_app.serving import alike, histories, lists, people, reasons
from spark_app.serving.batching import Batcher
from spark_app.serving.exact import Exact
from spark_app.serving.lists import Filters
from spark_app.serving.model import NotServableError, Served
from spark_app.shop_rules import Rule, Rules
from spark_app.tuning import choice

RULES = Rules((Rule("hide", "product", "p05"), Rule("boost", "product", "p06", 0.1)))
PLAIN = Filters()
USERS, PRODUCTS = 16, 12
# Even users like even products, odd ones odd; each has bought the first three of its kind but one.
BOUGHT = [
    (f"u{user:02d}", f"p{product:02d}")
    for user in range(USERS)
    for product in range(PRODUCTS)
    if product % 2 == user % 2 and (product + user) % 5
]


@pytest.fixture(scope="module")
def served(spark, tmp_path_factory):
    asked = settings_for(tmp_path_factory.mktemp("lists"), als={"factors": 4, "iterations": 5}, top_n=3)
    settings = choice.plain(asked)
    number = F.substring("product", 2, 2).cast("int")
    said = F.struct(
        F.lit(None).cast("string").alias("id"),
        F.concat(F.lit("Product "), number).alias("name"),
        F.when(number < 6, "low").otherwise("high").alias("category"),
        F.when(number % 3 == 0, "Lux").alias("brand"),
        F.when(number != 7, number.cast("double")).alias("price"),
        F.when(number == 8, F.lit(False)).alias("in_stock"),
    )
    seen = events(spark, *BOUGHT, ("eve", "p00", "purchase", -1)).withColumn("product_data", said)
    return Served(generation(settings, seen, rules=RULES), settings)


def listed(served: Served, user: str, filters: Filters = PLAIN, offset: int = 0, limit: int = 10):
    one = people.known(served, served.user_id(user))
    batcher = Batcher(Exact(served.mould.products, served.similar))
    try:
        return asyncio.run(lists.made(served, one, filters, batcher.best, offset, limit))
    finally:
        batcher.close()


def names(served: Served, found) -> list[str]:
    return [served.products[int(row)] for row in found.rows]


def bought(user: str) -> set[str]:
    return {product for one, product in BOUGHT if one == user}


@pytest.mark.slow
def test_ids_are_found_whatever_they_look_like(spark, tmp_path):
    settings = choice.plain(settings_for(tmp_path, als={"factors": 2, "iterations": 1}))
    odd = ["é", "e\u0301", "Z", "a/b", "😀", "\u202eright", "17850", " ", "a", "A"]
    found = Served(generation(settings, events(spark, *((name, name) for name in odd))), settings)
    assert [found.user(found.user_id(name)) for name in odd] == odd
    assert [found.products[found.products.find(name)] for name in odd] == odd
    assert found.user_id("nobody") == found.products.find("") == -1


def test_what_was_met_is_not_listed_and_is_counted(served):
    found = listed(served, "u01")
    assert not set(names(served, found)) & (bought("u01") | {"p05"})
    assert found.removed == {"seen": len(bought("u01")), "hidden": 0 if "p05" in bought("u01") else 1}
    assert found.source == "als"


def test_a_list_goes_on_where_the_part_before_ended(served):
    whole = names(served, listed(served, "u02"))
    first, second = listed(served, "u02", limit=4), listed(served, "u02", offset=4, limit=4)
    assert names(served, first) + names(served, second) == whole[:8]
    assert first.more and not listed(served, "u02", offset=4, limit=100).more


def test_the_published_part_is_given_as_published_and_no_farther(served):
    user_id = served.user_id("u03")
    assert names(served, lists.published(served, user_id, 0, 3)) == names(served, listed(served, "u03"))[:3]
    assert names(served, lists.published(served, user_id, 1, 2)) == names(served, listed(served, "u03"))[1:3]
    assert lists.published(served, user_id, 2, 2) is None and lists.published(served, -1, 0, 3) is None


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        (Filters(category="high"), lambda number: number >= 6),
        (Filters(category="no such"), lambda _: False),
        (Filters(brand="Lux"), lambda number: number % 3 == 0),
        (Filters(min_price=4, max_price=9), lambda number: 4 <= number <= 9 and number != 7),
        (Filters(in_stock=False), lambda number: number == 8),
        (Filters(category="high", in_stock=True), lambda number: number >= 6 and number != 8),
    ],
)
def test_a_filter_leaves_the_best_of_what_passes(served, filters, passes):
    every, some = names(served, listed(served, "u04")), listed(served, "u04", filters)
    assert names(served, some) == [name for name in every if passes(int(name[1:]))]
    taken = sum(some.removed.values())
    assert taken == PRODUCTS - len(some.rows)


def test_seen_products_are_listed_where_that_is_asked_for(served):
    assert bought("u06") <= set(names(served, listed(served, "u06", Filters(exclude_seen=False), limit=12)))
    assert not bought("u06") & set(names(served, listed(served, "u06", Filters(exclude_seen=True), limit=12)))


@pytest.mark.parametrize("user", ["nobody", "eve"])
def test_of_whom_nothing_is_known_the_fallback_is_given(served, user):
    found = listed(served, user)
    assert found.source == "popular" and len(found.rows) and not (found.because >= 0).any()
    assert ("p00" in names(served, found)) == (user == "nobody")
    assert list(found.scores) == sorted(found.scores, reverse=True)


def test_what_is_popular_is_filtered_too(served):
    found = lists.popular(served, Filters(brand="Lux"), 0, 10)
    assert set(names(served, found)) == {"p00", "p03", "p06", "p09"} and "seen" not in found.removed


def test_parts_of_an_explanation_add_up_and_the_rank_is_that_of_the_list(served):
    one = people.known(served, served.user_id("u05"))
    found = listed(served, "u05")
    for place, row in enumerate(found.rows):
        why = reasons.of(served, one, int(row))
        assert sum(part.amount for part in why.parts) == pytest.approx(why.score, abs=1e-5)
        assert (why.rank, why.removed_by == "") == (place + 1, place < 3)
        assert why.score == pytest.approx(float(found.scores[place]), abs=1e-6)
        assert lists.score(served, one.user, int(served.place_of_row[row])) == pytest.approx(why.score, abs=1e-6)
    assert "rule of the shop: hide product p05" in reasons.of(served, one, served.products.find("p05")).removed_by
    met = served.products.find(min(bought("u05") - {"p05"}))
    assert "MILLSTREAM_SEEN=never" in reasons.of(served, one, met).removed_by


def test_an_unknown_user_is_told_that_the_list_is_the_fallbacks(served):
    why = reasons.of(served, people.known(served, -1), served.products.find("p00"))
    assert why.rank and "fallback" in why.parts[0].what


def test_products_that_the_same_users_like_are_alike(served):
    found = alike.products(served, [served.products.find("p02")], 5)
    assert {int(served.products[row][1:]) % 2 for row, _ in found[:3]} == {0}
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True) and served.products.find("p05") not in [row for row, _ in found]
    to = [served.products.find(name) for name in ("p04", "p03")]
    first, second = alike.products(served, [served.products.find("p02")], 5, to)
    assert first[0] == to[0] and first[1] > second[1]


def test_users_who_like_the_same_are_alike(served):
    found = alike.users(served, people.known(served, served.user_id("u08")), served.user_id("u08"), 4)
    assert "u08" not in dict(found) and {int(user[1:]) % 2 for user, _ in found} == {0}


def test_who_should_get_a_product_has_not_met_it(served):
    found = alike.buyers(served, served.products.find("p04"), 3)
    assert found and not {user for user, _ in found} & {user for user, product in BOUGHT if product == "p04"}
    for user, score in found:
        one = people.known(served, served.user_id(user))
        assert lists.score(served, one.user, served.products.find("p04")) == pytest.approx(score, abs=1e-5)


def test_each_factor_has_the_product_that_lies_most_along_it(served):
    found = alike.representatives(served, 10)
    assert 1 <= len(found) <= 4 and all(0 < share <= 1.000001 for _, share in found)


def test_the_history_has_what_was_met_the_newest_first(served):
    one = people.known(served, served.user_id("u10"))
    rows = histories.of(served, served.user_id("u10"), (), "time")
    assert {met["product"] for _, met in rows} == bought("u10") and all(met["events"] == 1 for _, met in rows)
    surprising = histories.of(served, served.user_id("u10"), (), "surprise")
    scores = [lists.score(served, one.user, int(served.place_of_row[row])) for row, _ in surprising]
    assert scores == sorted(scores) and len(rows) == len(surprising)


def test_the_most_active_users_come_first(served):
    counts = [len(bought(served.users[int(row)])) for row in histories.users(served, "events")]
    assert counts[:-1] == sorted(counts[:-1], reverse=True)
    assert [served.users[int(row)] for row in histories.users(served, "id")][:2] == ["eve", "u00"]


def test_a_generation_that_was_not_laid_out_is_refused_in_words(served):
    generation = served.generation
    (generation.folder / maps.FOLDER).rename(generation.folder / "elsewhere")
    try:
        with pytest.raises(NotServableError, match="train again"):
            Served(generation, served.settings)
        maps.make(generation)
        again = Served(generation, served.settings)
        assert again.maps.met.table.tobytes() == served.maps.met.table.tobytes()
        assert again.maps.lists.tobytes() == served.maps.lists.tobytes()
    finally:
        if not maps.is_there(generation):
            (generation.folder / "elsewhere").rename(generation.folder / maps.FOLDER)
