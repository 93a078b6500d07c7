"""What is learnt about settings that nobody set, on shops whose best answer is known."""

import numpy as np
import pytest
import scipy.sparse as sp

from spark_app.decisive import changed
from spark_app.settings import Settings
from spark_app.tuning import choice
from spark_app.tuning.rating_trials import Ratings, RatingTrials
from spark_app.tuning.trials import Split, Trials

SMALL = {"als.factors": 4, "als.iterations": 4}


def settings(**changes):
    return changed(Settings(_env_file=None), SMALL | changes)


def trials(ages, relevant, of_strengths=None):
    """Trials on pairs with an age in days, more than 0, and products that each user should be shown."""
    ages, relevant = sp.csr_matrix(ages), sp.csr_matrix(relevant.astype(float))
    met = (ages > 0).astype(np.float32)
    judged = np.flatnonzero(relevant.getnnz(axis=1))
    split = Split(met, ages, judged, met[judged], relevant[judged], relevant[judged].getnnz(axis=1), 100.0)
    return Trials(split, of_strengths or (lambda _: met))


def fashion(users=120, products=60):
    """Everyone buys at random, and what was bought of late is what is bought next."""
    rng = np.random.default_rng(3)
    ages = np.where(rng.random((users, products)) < 0.2, rng.uniform(50, 100, (users, products)), 0.0)
    rising = np.arange(products) >= products - 10
    late = rising & (rng.random((users, products)) < 0.15)
    relevant = rising & ~late & (ages == 0) & (rng.random((users, products)) < 0.5)
    return np.where(late, rng.uniform(0.1, 2, (users, products)), ages), relevant


def noise(users=150, products=60):
    """Three tastes, of which little can be seen for chance."""
    rng = np.random.default_rng(4)
    own = np.equal.outer(np.arange(users) % 3, np.arange(products) % 3)
    met = (own & (rng.random((users, products)) < 0.25)) | (rng.random((users, products)) < 0.05)
    return np.where(met, 10.0, 0.0), own & ~met & (rng.random((users, products)) < 0.5)


def tastes(users=120, products=60):
    """Half of the users buy the even products, half the odd ones, and all equally often."""
    rng = np.random.default_rng(4)
    own = np.equal.outer(np.arange(users) % 2, np.arange(products) % 2)
    met = own & (rng.random((users, products)) < 0.6)
    return np.where(met, 10.0, 0.0), own & ~met & (rng.random((users, products)) < 0.5)


def test_where_fashion_rules_recent_popularity_is_learnt():
    chosen = choice.choose(trials(*fashion()), settings())
    found = chosen.settings
    assert found.algorithm == "recent" or found.blend.popularity_weight > 0
    assert 0 < found.popularity_half_life_days < 50 and "popularity_half_life_days" in chosen.learnt


def test_where_tastes_rule_the_lists_stay_personal():
    found = choice.choose(trials(*tastes()), settings()).settings
    assert found.algorithm in ("als", "blend")
    if found.algorithm == "blend":
        assert found.blend.popularity_weight <= 1.0


@pytest.mark.parametrize(("factors", "regularization"), [(4, 0.1), (32, 1.0)])
def test_factors_that_would_learn_chance_by_heart_are_held_back(factors, regularization):
    chosen = choice.choose(trials(*noise()), settings(**{"als.factors": factors, "blend.neighbours_weight": 0.0}))
    assert chosen.settings.als.regularization == regularization
    assert chosen.report["best_tried"] > 0.5


def test_what_was_told_apart_by_short_fits_is_chosen_with_all_iterations():
    found = trials(*noise())
    chosen = choice.choose(found, settings(**{"als.iterations": 8, "als.factors": 32}))
    assert chosen.settings.als.iterations == 8
    assert chosen.report["best_tried"] == float(found.ndcg(chosen.settings).mean())


def test_what_wins_by_chance_only_leaves_plain_als():
    rng = np.random.default_rng(5)
    chosen = choice.choose(trials(rng.random((60, 20)) < 0.3, rng.random((60, 20)) < 0.05), settings())
    assert chosen.settings.algorithm == "als" or chosen.report["ndcg_at_10"] > chosen.report["plain_als"]


def test_too_few_users_decide_nothing():
    ages, relevant = fashion(users=30)
    chosen = choice.choose(trials(ages, relevant), settings())
    assert chosen.settings.algorithm == "als" and chosen.settings.half_life_days == 0.0
    assert "too few to learn from" in chosen.report["reason"]


def test_a_history_without_a_cut_leaves_plain_als():
    assert choice.choose(None, settings()).settings.algorithm == "als"


def test_what_was_set_is_not_varied():
    asked = settings(**{"popularity_half_life_days": 77.0, "als.alpha": 2.5, "blend.base": "cosine"})
    chosen = choice.choose(trials(*fashion()), asked)
    found = chosen.settings
    assert (found.popularity_half_life_days, found.als.alpha) == (77.0, 2.5)
    assert found.algorithm != "blend" or found.blend.base == "cosine"
    assert not {"popularity_half_life_days", "als.alpha", "blend.base"} & set(chosen.learnt)


def test_nothing_is_open_after_a_choice_and_it_can_be_remembered():
    asked = settings()
    chosen = choice.choose(trials(*fashion()), asked)
    assert not choice.is_open(chosen.settings)
    again = choice.remembered(asked, chosen.report)
    assert again.settings == chosen.settings and set(again.learnt) == set(chosen.learnt)


def test_a_choice_reads_as_a_sentence():
    blend = {
        "blend.base": "als",
        "blend.popularity_weight": 0.3,
        "half_life_days": 30.0,
        "popularity_half_life_days": 4.0,
    }
    found = settings(algorithm="blend", **blend)
    assert choice.in_words(choice.fixed(found)) == "als (half-life 30 days) + 0.3 x popularity (half-life 4 days)"
    held_back = changed(found, {"als.regularization": 0.3, "blend.popularity_weight": 0.0, "half_life_days": 0.0})
    assert choice.in_words(choice.fixed(held_back)) == "als regularised by 0.3"


def ratings(noise, count=4000):
    """Ratings of rank two on top of biases; `noise` hides it."""
    rng = np.random.default_rng(6)
    users, products = rng.integers(0, 60, count), rng.integers(0, 40, count)
    left, right = rng.normal(size=(60, 2)), rng.normal(size=(40, 2))
    values = 5 + np.einsum("ij,ij->i", left[users], right[products]) + rng.normal(0, noise, count)
    return Ratings(users, products, values)


def halves(all_ratings, at=0.8):
    cut = int(len(all_ratings.values) * at)
    return (Ratings(*(part[:cut] for part in all_ratings)), Ratings(*(part[cut:] for part in all_ratings)))


@pytest.mark.parametrize(("noise", "factors_win"), [(0.3, True), (8.0, False)])
def test_factors_predict_ratings_only_where_they_beat_the_biases(noise, factors_win):
    asked = settings(feedback="explicit", algorithm="als")
    found = RatingTrials(*halves(ratings(noise)), (60, 40), seed=7)
    chosen = choice.choose_explicit(found, asked, choice.fixed(asked))
    assert bool(chosen.settings.explicit.factors) == factors_win
    report = chosen.report["explicit"]
    assert (report["best_tried_rmse"] < report["biases_rmse"]) == factors_win or not factors_win
    assert ("too thin" in report["reason"]) != factors_win


def test_few_ratings_are_predicted_by_the_biases_alone():
    asked = settings(feedback="explicit", algorithm="als")
    found = RatingTrials(*halves(ratings(0.3, count=500)), (60, 40), seed=7)
    assert choice.choose_explicit(found, asked, choice.fixed(asked)).settings.explicit.factors == 0
