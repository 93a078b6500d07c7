"""What is learnt about the settings that nobody set: trials in, settings out in which nothing is left open.

Candidates are tried on a cut of their own inside the history, the hold-out is never looked at. Plain ALS stands until
something is better by more than chance.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_app import decisive
from spark_app.blocks import REGULARIZATION
from spark_app.decisive import changed, reached
from spark_app.settings import Settings
from spark_app.tuning.rating_trials import RatingTrials
from spark_app.tuning.trials import Trials

# Half-lives that are tried, as shares of the time that the history spans, with alphas that go with them: what decays is
# smaller, and its confidence would be too.
DECAYS = ((0.0, 1.0), (1 / 10, 4.0), (1 / 20, 4.0))
POPULARITY_DECAYS = (0.0, 1 / 4, 1 / 10, 1 / 20, 1 / 40, 1 / 80, 1 / 160)
POPULARITY_WEIGHTS = (0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 5.0)
NEIGHBOURS_WEIGHTS = (0.0, 0.3, 0.6, 1.0, 2.0)
REPEAT_WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0)
REGULARIZATIONS = (0.1, 0.3, 1.0)
ROUNDS = 3
# Alternations that tell one fit from another: on a real shop what they are worth differs from that of 10 by no more
# than with another seed. Fits from the factors of another fit would not do: they stay too close to it.
SHORT = 5
_HALF_LIFE, _WEIGHT, _NEIGHBOURS = "popularity_half_life_days", "blend.popularity_weight", "neighbours"
_ITERATIONS = "als.iterations"
# Axes along which ALS is fitted anew.
_OF_FITS = ("half_life_days", "regularization")
# Fewer judged users, or held-out ratings, than these decide nothing.
ENOUGH_USERS, ENOUGH_RATINGS = 50, 200
# Factors and regularisation that are tried for ratings.
EXPLICIT = ((10, 0.1), (20, 0.1), (10, 0.3), (20, 0.3), (20, 0.6), (20, 1.0))
# Standard errors that a difference must be away from 0: more than the usual 1.96, for the best of many is looked at.
CLEARLY = 2.58


class Choice(NamedTuple):
    """Settings in which nothing is left open, the names of what was learnt, and what the manifest keeps of it."""

    settings: Settings
    learnt: tuple[str, ...]
    report: dict[str, Any]


class Fit(NamedTuple):
    """One fit by alternating least squares: by which engine, and how large; `setting` names that of the factors."""

    engine: str
    setting: str
    factors: int
    iterations: int


class _Tried(NamedTuple):
    settings: Settings
    ndcg: NDArray[np.float64]


def plain(settings: Settings) -> Settings:
    """The settings with what is not set at its plain default; plain ALS where the algorithm is to be learnt."""
    algorithm = "als" if settings.algorithm == "auto" else settings.algorithm
    return changed(settings, decisive.unset(settings) | {"algorithm": algorithm})


def is_open(settings: Settings) -> bool:
    """Whether anything is to be learnt."""
    return settings.algorithm == "auto" or (settings.feedback == "explicit" and settings.explicit.factors is None)


def fixed(settings: Settings) -> Choice:
    """The settings as they were set, plain where they were not."""
    return Choice(plain(settings), (), {})


def by_engine(chosen: Choice, engine: str) -> Choice:
    """The choice with an engine in the place of `auto`."""
    return chosen._replace(settings=changed(chosen.settings, {"engine": engine}), learnt=(*chosen.learnt, "engine"))


def fits(settings: Settings) -> list[Fit]:
    """What is fitted by alternating least squares, where nothing is left open."""
    found, als, explicit = [], settings.als, settings.explicit
    if settings.algorithm == "als" or (settings.algorithm == "blend" and settings.blend.base == "als"):
        found.append(Fit(settings.engine, "als.factors", als.factors, als.iterations))
    if settings.feedback == "explicit" and explicit.factors:
        found.append(Fit("mllib", "explicit.factors", explicit.factors, explicit.iterations))
    return found


def likens(settings: Settings) -> bool:
    """Whether products are likened by who met them, where nothing is left open."""
    blend = settings.blend
    blended = settings.algorithm == "blend" and ((blend.base or "als") != "als" or bool(blend.neighbours_weight))
    return settings.algorithm in ("bm25", "cosine") or blended


def remembered(settings: Settings, report: Mapping[str, Any]) -> Choice:
    """What was learnt once, from the report of it."""
    learnt = report["learnt"]
    return Choice(changed(plain(settings), learnt), tuple(learnt), dict(report))


def instead(chosen: Choice, values: Mapping[str, Any], why: str) -> Choice:
    """The choice with something else in its place this once, by name: what was learnt stays as it was."""
    names = tuple(dict.fromkeys([*chosen.learnt, *values]))
    return Choice(changed(chosen.settings, values), names, chosen.report | {"instead": dict(values), "because": why})


def in_words(chosen: Choice) -> str:
    """als (half-life 30 days) + 0.3 x popularity (half-life 4 days); ratings by the biases and 20 factors."""
    settings = chosen.settings
    lists = _blend_in_words(settings) if settings.algorithm == "blend" else settings.algorithm
    if settings.algorithm == "recent":
        lists += _half_life(settings.popularity_half_life_days)
    if settings.feedback == "implicit":
        return lists
    factors = settings.explicit.factors
    return f"{lists}; ratings by the biases" + (f" and {factors} factors" if factors else " alone")


def _blend_in_words(settings: Settings) -> str:
    blend = settings.blend
    base = f"{blend.base}{_half_life(settings.half_life_days)}"
    if blend.base == "als" and settings.als.regularization != REGULARIZATION:
        base += f" regularised by {settings.als.regularization:g}"
    parts = [base]
    if blend.neighbours_weight and blend.base == "als":
        parts.append(f"{blend.neighbours_weight:g} x {blend.neighbours}")
    if blend.popularity_weight:
        parts.append(f"{blend.popularity_weight:g} x popularity{_half_life(settings.popularity_half_life_days)}")
    if blend.repeat_weight:
        parts.append(f"{blend.repeat_weight:g} x times bought")
    return " + ".join(parts)


def _half_life(days: float | None) -> str:
    return f" (half-life {days:.3g} days)" if days else ""


def interval(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    """Where the mean of one - other lies, by pairs: one is clearly above the other when all of it is above 0."""
    difference = one - other
    error = CLEARLY * float(difference.std()) / np.sqrt(len(difference))
    return float(difference.mean()) - error, float(difference.mean()) + error


def choose(trials: Trials | None, settings: Settings) -> Choice:
    """Try what could win, and keep it if it wins; `trials` is None where the history cannot be cut."""
    start = plain(settings)
    if settings.algorithm != "auto":
        return _choice(settings, start, {"reason": "the algorithm was set"})
    judged = len(trials.split.judged) if trials else 0
    if trials is None or judged < ENOUGH_USERS:
        why = f"{judged} users could be judged before the hold-out: too few to learn from (fewer than {ENOUGH_USERS})"
        return _choice(settings, start, {"reason": why, "users_judged": judged})
    candidates = list(_candidates(trials, start, settings))
    first = _Tried(start, trials.ndcg(start))
    best = max(candidates, key=_worth, default=first)
    won = interval(best.ndcg, first.ndcg)[0] > 0
    kept = best if won else first
    report = {
        "users_judged": judged,
        "ndcg_at_10": float(kept.ndcg.mean()),
        "plain_als": float(first.ndcg.mean()),
        "best_tried": float(best.ndcg.mean()),
        "reason": "it won before the hold-out" if won else "nothing was clearly better than plain ALS",
    }
    return _choice(settings, kept.settings, report)


def choose_explicit(trials: RatingTrials | None, settings: Settings, chosen: Choice) -> Choice:
    """The choice with factors for the ratings where they predict clearly better than the biases alone."""
    judged = trials.judged if trials else 0
    if settings.explicit.factors is not None:
        return chosen
    if trials is None or judged < ENOUGH_RATINGS:
        why = f"{judged} held-out ratings: too few to learn factors from (fewer than {ENOUGH_RATINGS})"
        return _with_factors(chosen, {"explicit.factors": 0}, {"reason": why, "ratings_judged": judged})
    alone = trials.squared_errors(changed(chosen.settings, {"explicit.factors": 0}).explicit)
    tried = []
    for factors, regularization in EXPLICIT:
        asked = _open(settings, "explicit.regularization", [regularization])[0]
        changes = {"explicit.factors": factors, "explicit.regularization": asked}
        tried.append((trials.squared_errors(changed(chosen.settings, changes).explicit), changes))
    errors, best = min(tried, key=lambda one: float(one[0].mean()))
    won = interval(alone, errors)[0] > 0
    report = {
        "reason": "factors predict better than the biases alone"
        if won
        else "too thin: the biases alone predict as well",
        "ratings_judged": judged,
        "biases_rmse": float(np.sqrt(alone.mean())),
        "best_tried_rmse": float(np.sqrt(errors.mean())),
    }
    return _with_factors(chosen, best if won else {"explicit.factors": 0}, report)


def _with_factors(chosen: Choice, values: Mapping[str, Any], report: dict[str, Any]) -> Choice:
    learnt = chosen.report.get("learnt", {}) | dict(values)
    return Choice(
        changed(chosen.settings, values), tuple(learnt), chosen.report | {"learnt": learnt, "explicit": report}
    )


def _candidates(trials: Trials, first: Settings, asked: Settings) -> Iterator[_Tried]:
    """The best of each kind: popularity alone, and what is found by climbing from each base."""
    axes = _axes(trials.split.span_days, asked)
    tries = _Tries(trials)
    for days in _open(asked, _HALF_LIFE, [step[_HALF_LIFE] for step in axes[_HALF_LIFE] if step]):
        yield tries.of(first, {"algorithm": "recent" if days else "popular", _HALF_LIFE: days})
    for base in _open(asked, "blend.base", ["als", "bm25", "cosine"]):
        alone = {"algorithm": "blend", "blend.base": base, _WEIGHT: _open(asked, _WEIGHT, [0.3])[0]}
        middle = changed(first, alone | axes[_HALF_LIFE][len(axes[_HALF_LIFE]) // 2])
        if base == "als":
            yield _climbed_by_fits(tries, middle, axes)
        else:
            yield _climbed(tries, tries.of(middle, {}), _without(axes, _NEIGHBOURS))


def _climbed_by_fits(tries: "_Tries", start: Settings, axes: Mapping[str, list[dict[str, Any]]]) -> _Tried:
    """The best around ALS: the fits are told apart by short ones, and the best of them is fitted in full."""
    whole = start.als.iterations
    found = _climbed(tries, tries.of(start, {_ITERATIONS: min(whole, SHORT)}), axes)
    return _climbed(tries, tries.of(found.settings, {_ITERATIONS: whole}), _without(axes, *_OF_FITS))


def _without(axes: Mapping[str, list[dict[str, Any]]], *names: str) -> dict[str, list[dict[str, Any]]]:
    return {axis: steps for axis, steps in axes.items() if axis not in names}


def _axes(span: float, asked: Settings) -> dict[str, list[dict[str, Any]]]:
    """What is tried along each axis, as changes; what was set is not changed."""
    decays = [{"half_life_days": span * share, "als.alpha": alpha} for share, alpha in DECAYS]
    axes: dict[str, list[dict[str, Any]]] = {
        _HALF_LIFE: [{_HALF_LIFE: span * share} for share in POPULARITY_DECAYS],
        _WEIGHT: [{_WEIGHT: weight} for weight in POPULARITY_WEIGHTS],
        "half_life_days": decays,
        _NEIGHBOURS: [
            {"blend.neighbours": kind, "blend.neighbours_weight": weight}
            for kind in ("bm25", "cosine")
            for weight in NEIGHBOURS_WEIGHTS
        ],
        "regularization": [{"als.regularization": amount} for amount in REGULARIZATIONS],
        "repeats": [{"blend.repeat_weight": weight} for weight in REPEAT_WEIGHTS if asked.seen != "never"],
    }
    free = set(decisive.unset(asked))
    left = {
        axis: [{name: value for name, value in step.items() if name in free} for step in steps]
        for axis, steps in axes.items()
    }
    return {axis: _different(steps) for axis, steps in left.items()}


def _different(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [step for place, step in enumerate(steps) if step not in steps[:place]]


def _climbed(tries: "_Tries", start: _Tried, axes: Mapping[str, list[dict[str, Any]]]) -> _Tried:
    """The best that is found by going along one axis after the other until none leads higher."""
    best = start
    for _ in range(ROUNDS):
        before = best
        for steps in axes.values():
            best = max([best, *(tries.of(best.settings, step) for step in steps)], key=_worth)
        if best is before:
            break
    return best


class _Tries:
    """What was tried, each once."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._known: dict[str, _Tried] = {}

    def of(self, settings: Settings, changes: Mapping[str, Any]) -> _Tried:
        asked = changed(settings, changes)
        key = repr((asked.algorithm, asked.half_life_days, asked.popularity_half_life_days, asked.als, asked.blend))
        if key not in self._known:
            self._known[key] = _Tried(asked, self._trials.ndcg(asked))
        return self._known[key]


def _open(settings: Settings, name: str, values: Any) -> list[Any]:
    """The values that may be tried: the one that was set, if it was."""
    given = reached(settings, name)
    return list(values) if given is None else [given]


def _worth(tried: _Tried) -> float:
    return float(tried.ndcg.mean())


def _choice(asked: Settings, chosen: Settings, report: dict[str, Any]) -> Choice:
    start = plain(asked)
    names = [name for name in [*decisive.unset(asked), "algorithm"] if not name.startswith("explicit.")]
    learnt = {name: reached(chosen, name) for name in names if reached(start, name) != reached(chosen, name)}
    return Choice(chosen, tuple(learnt), report | {"given": decisive.given(asked), "learnt": learnt})
