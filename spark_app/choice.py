"""What is learnt about the settings that nobody set: trials in, settings out in which nothing is left open.

Candidates are tried on a cut of their own inside the history, the hold-out is never looked at. Plain ALS stands until
something is better by more than chance.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_app import settings as settings_
from spark_app.settings import Settings, changed, reached
from spark_app.trials import Trials

# Half-lives that are tried, as shares of the time that the history spans, with alphas that go with them: what decays is
# smaller, and its confidence would be too.
DECAYS = ((0.0, 1.0), (1 / 10, 4.0), (1 / 20, 4.0))
POPULARITY_DECAYS = (0.0, 1 / 4, 1 / 10, 1 / 20, 1 / 40, 1 / 80, 1 / 160)
POPULARITY_WEIGHTS = (0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 5.0)
NEIGHBOURS_WEIGHTS = (0.0, 0.3, 0.6, 1.0, 2.0)
REPEAT_WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0)
ROUNDS = 3
_HALF_LIFE, _WEIGHT = "popularity_half_life_days", "blend.popularity_weight"
# Fewer judged users than this decide nothing.
ENOUGH_USERS = 50
# Standard errors that a difference must be away from 0.
CLEARLY = 1.96


class Choice(NamedTuple):
    """Settings in which nothing is left open, the names of what was learnt, and what the manifest keeps of it."""

    settings: Settings
    learnt: tuple[str, ...]
    report: dict[str, Any]


class _Tried(NamedTuple):
    settings: Settings
    ndcg: NDArray[np.float64]


def plain(settings: Settings) -> Settings:
    """The settings with what is not set at its plain default; plain ALS where the algorithm is to be learnt."""
    algorithm = "als" if settings.algorithm == "auto" else settings.algorithm
    return changed(settings, settings_.unset(settings) | {"algorithm": algorithm})


def is_open(settings: Settings) -> bool:
    """Whether anything is to be learnt."""
    return settings.algorithm == "auto"


def fixed(settings: Settings) -> Choice:
    """The settings as they were set, plain where they were not."""
    return Choice(plain(settings), (), {})


def given(settings: Settings) -> dict[str, Any]:
    """What was asked for: all that decides how candidates compare."""
    return {name: value["value"] for name, value in settings_.recorded(settings).items() if settings_.is_decisive(name)}


def remembered(settings: Settings, report: Mapping[str, Any]) -> Choice:
    """What was learnt once, from the report of it."""
    learnt = report["learnt"]
    return Choice(changed(plain(settings), learnt), tuple(learnt), dict(report))


def instead(chosen: Choice, algorithm: str) -> Choice:
    """The choice with another algorithm in its place."""
    learnt = {"algorithm": algorithm}
    names = tuple(dict.fromkeys([*chosen.learnt, *learnt]))
    report = chosen.report | {"learnt": chosen.report.get("learnt", {}) | learnt}
    return Choice(changed(chosen.settings, learnt), names, report)


def in_words(chosen: Choice) -> str:
    """blend: als, half-life 30 days, popularity 0.3 (half-life 4 days)."""
    settings, blend = chosen.settings, chosen.settings.blend
    if settings.algorithm != "blend":
        half_life = settings.popularity_half_life_days if settings.algorithm == "recent" else None
        return settings.algorithm + (f" (half-life {half_life:.3g} days)" if half_life else "")
    parts = [str(blend.base) + (f" (half-life {settings.half_life_days:.3g} days)" if settings.half_life_days else "")]
    if blend.neighbours_weight:
        parts.append(f"{blend.neighbours_weight:g} x {blend.neighbours}")
    if blend.popularity_weight:
        days = settings.popularity_half_life_days
        parts.append(f"{blend.popularity_weight:g} x popularity" + (f" (half-life {days:.3g} days)" if days else ""))
    if blend.repeat_weight:
        parts.append(f"{blend.repeat_weight:g} x times bought")
    return " + ".join(parts)


def choose(trials: Trials | None, settings: Settings) -> Choice:
    """Try what could win, and keep it if it wins; `trials` is None where the history cannot be cut."""
    start = plain(settings)
    judged = len(trials.split.judged) if trials else 0
    if trials is None or judged < ENOUGH_USERS:
        why = f"{judged} users could be judged before the hold-out: too few to learn from (fewer than {ENOUGH_USERS})"
        return _choice(settings, start, {"reason": why, "users_judged": judged})
    first = _Tried(start, trials.ndcg(start))
    best = max((one for one in _candidates(trials, start, settings)), key=_worth, default=first)
    won = _clearly_above(best.ndcg, first.ndcg)
    kept = best if won else first
    report = {
        "users_judged": judged,
        "ndcg_at_10": float(kept.ndcg.mean()),
        "plain_als": float(first.ndcg.mean()),
        "best_tried": float(best.ndcg.mean()),
        "reason": "it won before the hold-out" if won else "nothing was clearly better than plain ALS",
    }
    return _choice(settings, kept.settings, report)


def _candidates(trials: Trials, first: Settings, asked: Settings) -> Iterator[_Tried]:
    """The best of each kind: popularity alone, and what is found by climbing from each base."""
    axes = _axes(trials.split.span_days, asked)
    tries = _Tries(trials)
    for days in axes[_HALF_LIFE]:
        yield tries.of(first, {"algorithm": "recent" if days[_HALF_LIFE] else "popular"} | days)
    for base in _open(asked, "blend.base", ["als", "bm25", "cosine"]):
        alone = {"algorithm": "blend", "blend.base": base, _WEIGHT: _open(asked, _WEIGHT, [0.3])[0]}
        yield _climbed(tries, tries.of(first, alone | axes[_HALF_LIFE][-3]), axes)


def _axes(span: float, asked: Settings) -> dict[str, list[dict[str, Any]]]:
    """What is tried along each axis, as changes; what was set is not changed."""
    decays = [{"half_life_days": span * share, "als.alpha": alpha} for share, alpha in DECAYS]
    axes: dict[str, list[dict[str, Any]]] = {
        _HALF_LIFE: [{_HALF_LIFE: span * share} for share in POPULARITY_DECAYS],
        _WEIGHT: [{_WEIGHT: weight} for weight in POPULARITY_WEIGHTS],
        "half_life_days": decays,
        "neighbours": [
            {"blend.neighbours": kind, "blend.neighbours_weight": weight}
            for kind in ("bm25", "cosine")
            for weight in NEIGHBOURS_WEIGHTS
        ],
        "repeats": [{"blend.repeat_weight": weight} for weight in REPEAT_WEIGHTS if asked.seen != "never"],
    }
    free = set(settings_.unset(asked))
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

    def __len__(self) -> int:
        return len(self._known)


def _open(settings: Settings, name: str, values: Any) -> list[Any]:
    """The values that may be tried: the one that was set, if it was."""
    given = reached(settings, name)
    return list(values) if given is None else [given]


def _worth(tried: _Tried) -> float:
    return float(tried.ndcg.mean())


def _clearly_above(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    difference = one - other
    return bool(difference.mean() > CLEARLY * difference.std() / np.sqrt(len(difference)))


def _choice(asked: Settings, chosen: Settings, report: dict[str, Any]) -> Choice:
    names = [name for name in [*settings_.unset(asked), "algorithm"] if reached(asked, name) != reached(chosen, name)]
    learnt = {name: reached(chosen, name) for name in names}
    return Choice(chosen, tuple(names), report | {"given": given(asked), "learnt": learnt})
