"""Folding in: whoever the model was trained on comes out as training had them, by every algorithm and engine."""

import random
from datetime import timedelta

import numpy as np
import pytest
from builders import START, events, generation
from conftest import settings_for

from spark_app import decisive
from spark_app.serving import lists, people, reasons
from spark_app.serving.exact import Exact
from spark_app.serving.fresh import Event
from spark_app.serving.model import Served
from spark_app.shop_rules import Rule, Rules
from spark_app.tuning import choice

pytestmark = pytest.mark.slow
ALS = {"factors": 4, "iterations": 3}
BLEND = {"neighbours": "cosine", "neighbours_weight": 0.5, "popularity_weight": 0.4, "repeat_weight": 1.0}
RULES = Rules((Rule("hide", "product", "p03"), Rule("boost", "product", "p05", 0.5)))
EXPLICIT = {"algorithm": "ratings", "feedback": "explicit"}
ASKED = {
    "als by mllib": {},
    "als by implicit": {"engine": "implicit"},
    "als with age and quantity": {"half_life_days": 10.0, "strength": "log"},
    "bm25": {"algorithm": "bm25"},
    "cosine": {"algorithm": "cosine"},
    "popular": {"algorithm": "popular"},
    "recent": {"algorithm": "recent"},
    "blend": {"algorithm": "blend", "blend": BLEND},
    "blend on bm25": {"algorithm": "blend", "blend": {"base": "bm25", "popularity_weight": 0.3}},
    "ratings": EXPLICIT | {"explicit": {"factors": 3, "iterations": 3}},
    "biases alone": EXPLICIT | {"explicit": {"factors": 0}},
}
RULED = ("als by mllib", "blend", "popular")


def facts(number: int = 600) -> list[tuple]:
    """Seeded: purchases, views, returns, dislikes, ratings of 30 users and 20 products over 40 days."""
    draw, kinds = random.Random(5), ["purchase"] * 6 + ["view", "cart", "dislike"]
    rows = []
    for _ in range(number):
        user, product = draw.randrange(30), int(20 * draw.random() ** 2)
        quantity = -1.0 if draw.random() < 0.1 else float(draw.randint(1, 3))
        rows.append((f"u{user:02d}", f"p{product:02d}", draw.choice(kinds), quantity, round(40 * draw.random(), 3)))
    return rows


@pytest.fixture(scope="module")
def served(spark, tmp_path_factory):
    """Trains each way once, and opens it."""
    known: dict[tuple[str, bool], Served] = {}
    draw = random.Random(6)
    seen = events(spark, *facts()).cache()
    # Some pairs are rated several times.
    ratings = events(spark, *[(*fact[:2], "rate", 1.0, fact[4]) for fact in facts()])
    stars = spark.createDataFrame(
        [row.asDict() | {"rating": float(draw.randint(1, 5))} for row in ratings.collect()], ratings.schema
    )

    def made(name: str, ruled: bool = False) -> Served:
        if (name, ruled) not in known:
            asked = settings_for(tmp_path_factory.mktemp("folding"), als=ALS, top_n=5, **ASKED[name])
            settings = decisive.changed(choice.plain(asked), {})
            rows = stars if settings.feedback == "explicit" else seen
            known[name, ruled] = Served(generation(settings, rows, rules=RULES if ruled else Rules()), settings)
        return known[name, ruled]

    return made


def everyone(served: Served):
    """(user id, as the model was trained) of all whom the model knows."""
    found = ((user_id, people.known(served, user_id)) for user_id in range(len(served.users)))
    return [(user_id, one) for user_id, one in found if one.user is not None]


def anew(served: Served, user_id: int):
    """The same user, folded in from what was netted."""
    pairs, _ = people.pairs(served, served.maps.met.of(user_id), ())
    return people.folded(served, pairs, people.strengths_of(served, pairs))


BY_RULES = [pytest.param(name, True, marks=pytest.mark.night) for name in RULED]
ways = pytest.mark.parametrize(("name", "ruled"), [*((name, False) for name in ASKED), *BY_RULES])


@ways
def test_who_was_trained_on_comes_out_as_trained(served, name, ruled):
    found = served(name, ruled)
    known = [(user_id, one, anew(found, user_id)) for user_id, one in everyone(found)]
    assert len(known) > 20
    for _, one, folded in known:
        if folded is None:
            assert name in ("popular", "recent")
            continue
        np.testing.assert_allclose(folded.vector, one.user.vector, atol=2e-4)
        for part in ("weights", "again") if len(one.user.own) else ():
            np.testing.assert_allclose(getattr(folded, part), getattr(one.user, part), atol=1e-4)


@ways
def test_a_list_made_now_is_the_published_one(served, name, ruled):
    found = served(name, ruled)
    ranked = Exact(found.mould.products, found.similar)
    for user_id, one in everyone(found):
        ask, removed = lists.asked(found, one, one.user, lists.Filters(), 6)
        places, scores = ranked.best_now([ask])[0]
        kept = places[places >= 0][:5]
        published = lists.published(found, user_id, 0, 5)
        if published is None:
            assert not len(kept)
            continue
        assert found.row_of_place[kept].tolist() == published.rows.tolist()
        np.testing.assert_array_equal(scores[: len(kept)], published.scores)
        np.testing.assert_array_equal(lists.reasons(found, one.user, kept), published.because)
        assert removed == published.removed


@ways
def test_an_explanation_adds_up_to_the_score_and_names_the_reasons(served, name, ruled):
    found = served(name, ruled)
    user_id, one = max(everyone(found), key=lambda known: len(known[1].user.own))
    published = lists.published(found, user_id, 0, 5)
    for rank, (row, score, because) in enumerate(zip(published.rows, published.scores, published.because, strict=True)):
        why = reasons.of(found, one, int(row))
        assert (why.rank, why.removed_by) == (rank + 1, "")
        assert why.score == pytest.approx(float(score), rel=1e-5)
        assert sum(part.amount for part in why.parts) == pytest.approx(why.score, abs=1e-4)
        own = [part.product for part in why.parts if part.product and part.amount > 0][:3]
        assert set(own) == {found.products[int(one)] for one in because if one >= 0}


@ways
def test_strengths_are_made_anew_as_training_made_them(served, name, ruled):
    found = served(name, ruled)
    for user_id in range(len(found.users)):
        table = found.maps.met.of(user_id)
        pairs, _ = people.pairs(found, table, ())
        anew_ = people.strengths_of(found, pairs)
        kept = dict(zip(found.row_of_product[table["productId"]].tolist(), table["strength"].tolist(), strict=True))
        assert {row: value for row, value in anew_.items() if value is not None} == pytest.approx(
            {row: value for row, value in kept.items() if not np.isnan(value)}, rel=1e-5
        )


def happened(user: str, product: str, kind: str = "purchase", quantity: float = 1.0, number: int = 0) -> Event:
    at = int((START + timedelta(days=50, seconds=number)).timestamp() * 1_000_000)
    return Event(f"n{number}", user, product, kind, quantity, None, at, None, None, None, None, None)


def test_a_purchase_since_counts_and_is_not_listed_again(served):
    found = served("als by mllib")
    before = people.known(found, 3)
    product = found.products[int(found.row_of_place[lists_of(found, before)[0]])]
    after = people.known(found, 3, [happened("u03", product)])
    assert after.folded == 1 and found.products.find(product) in after.barred.tolist()
    assert found.place_of_row[found.products.find(product)] not in lists_of(found, after)
    assert not np.allclose(after.user.vector, before.user.vector)


def test_what_is_sent_back_counts_no_more(served):
    found = served("als by mllib")
    user_id, one = next((user_id, one) for user_id, one in everyone(found) if len(one.user.own) > 2)
    row = int(found.row_of_place[one.user.own[0]])
    after = people.known(found, user_id, [happened("x", found.products[row], "dislike")])
    assert row in after.turned_down.tolist() and found.place_of_row[row] not in after.user.own.tolist()


def test_events_with_products_that_nobody_had_met_change_nothing_but_the_history(served):
    found = served("blend")
    after = people.known(found, 3, [happened("u03", "never seen")])
    np.testing.assert_allclose(after.user.vector, people.known(found, 3).user.vector, atol=2e-4)
    assert after.folded == 0


@pytest.mark.parametrize("name", ["als by mllib", "blend", "bm25", "ratings"])
def test_a_group_of_one_likes_what_the_one_likes(served, name):
    found = served(name)
    one = everyone(found)[0][1]
    assert lists_of(found, people.group(found, [one])) == lists_of(found, one)


def test_a_group_is_shown_nothing_that_one_of_them_may_not_see(served):
    found = served("blend")
    some = [one for _, one in everyone(found)[:4]]
    together = people.group(found, some)
    barred = {int(found.place_of_row[row]) for one in some for row in one.barred}
    assert not barred & set(lists_of(found, together))


def test_a_session_is_listed_what_its_events_ask_for(served):
    found = served("als by mllib")
    somebody = people.known(found, -1, [happened("", "p00"), happened("", "p01", number=1)])
    assert somebody.folded == 2 and somebody.user is not None
    assert not {found.place_of_row[found.products.find(name)] for name in ("p00", "p01")} & set(
        lists_of(found, somebody)
    )


def lists_of(found: Served, one: people.Person) -> list[int]:
    """Places of the five best."""
    ask, _ = lists.asked(found, one, one.user, lists.Filters(), 5)
    return Exact(found.mould.products, found.similar).best_now([ask])[0][0].tolist()
