"""Tuning: better settings are found, written down, used and named; a search that was stopped goes on."""

import json

import pytest
from test_choice import fashion, tastes, trials

from spark_app import decisive, tune
from spark_app import settings as settings_
from spark_app.settings import Settings, WrongSettingError

EVENTS = 1000


@pytest.fixture(autouse=True)
def _plain_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def settings(**environment):
    return Settings(_env_file=None, **{"als": {"factors": 4, "iterations": 3}} | environment)


def searched(given, *, most=12, minutes=None, kinds=("purchase", "view"), shop=fashion):
    seen = []
    found = tune.search(
        trials(*shop()), given, kinds=kinds, events=EVENTS, minutes=minutes, most=most,
        shown=lambda trial, best: seen.append((trial.number, best.ndcg_at_10)),
    )  # fmt: skip
    return found, seen


def test_each_trial_is_told_with_the_best_so_far_which_never_falls():
    found, seen = searched(settings())
    assert [number for number, _ in seen] == list(range(1, 12))
    assert [best for _, best in seen] == sorted(best for _, best in seen)
    assert len(found.trials) == 12 and found.best.ndcg_at_10 == max(trial.ndcg_at_10 for trial in found.trials)


def test_the_first_trial_is_what_is_chosen_without_tuning():
    found, _ = searched(settings(), most=1)
    assert found.start == found.best.ndcg_at_10 and found.path is None


def test_a_search_that_was_stopped_goes_on_with_the_same_trials():
    whole = [(trial.number, trial.values, trial.ndcg_at_10) for trial in searched(settings())[0].trials]
    log = next((settings().data_dir / "tuning").iterdir())
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:5]) + lines[5][: len(lines[5]) // 2])
    again, seen = searched(settings())
    assert [(trial.number, trial.values, trial.ndcg_at_10) for trial in again.trials] == whole
    assert seen[0][0] == 5 and len(tune.read(log)) == 12


def test_minutes_end_a_search_too():
    assert len(searched(settings(), most=None, minutes=0.0)[0].trials) == 1


def test_what_the_environment_sets_is_not_varied(monkeypatch):
    monkeypatch.setenv("MILLSTREAM_ALS__ALPHA", "2.5")
    monkeypatch.setenv("MILLSTREAM_STRENGTH", "log")
    found, _ = searched(settings_.load(als={"alpha": 2.5, "factors": 4, "iterations": 3}))
    assert {trial.values.get("als.alpha", 2.5) for trial in found.trials} == {2.5}
    assert all("strength" not in trial.values for trial in found.trials)


def test_weights_are_varied_for_the_event_types_that_occur():
    names = set(tune.space(settings(), ["purchase", "view", "remove_from_cart", "unheard of"]))
    assert "weights.view" in names and not names & {"weights.cart", "weights.purchase", "weights.remove_from_cart"}


def test_repeats_are_weighed_only_where_they_may_be_listed():
    assert "blend.repeat_weight" not in tune.space(settings(), [])
    assert "blend.repeat_weight" in tune.space(settings(seen="always"), [])


def better(monkeypatch):
    """A search from a bad start, set so that anything drawn is better."""
    monkeypatch.setattr(tune, "_start", lambda *_: dict.fromkeys(decisive.unset(settings()), 0.0) | BAD)
    return searched(settings(), most=40)[0]


BAD = {"algorithm": "blend", "blend.base": "cosine", "blend.neighbours": "bm25", "als.alpha": 1.0, "strength": "binary"}


def test_the_best_is_written_down_and_used_below_the_environment(monkeypatch):
    found = better(monkeypatch)
    assert found.path == settings().data_dir / "tuned.json" and found.difference[0] > 0
    used = settings_.load()
    assert used.algorithm == found.best.values["algorithm"]
    assert used.popularity_half_life_days == found.best.values["popularity_half_life_days"]
    origins = {name: origin for name, _, _, origin, _ in settings_.listed(used)}
    assert origins["MILLSTREAM_ALGORITHM"] == "tuned" and origins["MILLSTREAM_TOP_N"] == "default"
    monkeypatch.setenv("MILLSTREAM_ALGORITHM", "popular")
    assert settings_.load().algorithm == "popular"


def test_the_manifest_says_what_was_tuned(monkeypatch):
    better(monkeypatch)
    assert decisive.recorded(settings_.load())["MILLSTREAM_ALGORITHM"]["origin"] == "tuned"


def test_a_search_does_not_begin_from_what_was_tuned_before(monkeypatch):
    better(monkeypatch)
    assert settings_.untuned(settings_.load()).algorithm == "auto"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"settings": {"als": {"factors": "many"}}}', '{"settings": {"nope": 1}}']
)
def test_a_tuned_file_that_cannot_be_used_is_named(content):
    path = settings_.tuned_file(settings().data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    with pytest.raises(WrongSettingError, match=r"tuned\.json|MILLSTREAM_ALS__FACTORS=many"):
        settings_.load()


def test_where_nothing_is_better_nothing_is_written():
    found, _ = searched(settings(), shop=tastes, most=3)
    assert found.path is None or found.difference[0] > 0
    assert settings_.tuned_file(settings().data_dir).exists() == (found.path is not None)


def test_a_search_that_finds_nothing_better_takes_away_what_was_tuned_before():
    path = settings_.tuned_file(settings().data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"settings": {"algorithm": "popular"}}')
    assert searched(settings(), most=1)[0].path is None
    assert not path.exists()


def test_the_log_holds_one_line_a_trial():
    searched(settings(), most=3)
    log = next((settings().data_dir / "tuning").iterdir())
    assert [json.loads(line)["number"] for line in log.read_text().splitlines()] == [0, 1, 2]
