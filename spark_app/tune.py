"""Wiring of tuning: random search on a split of the history before the hold-out, resumable; the best to tuned.json.

The hold-out is never looked at. What the environment sets is not varied. Each trial is one line of trials.jsonl, so
that a search that was stopped goes on where it was, with the same trials as if it had not been.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spark_app import decisive, generations
from spark_app.decisive import changed, reached
from spark_app.settings import Settings, listed, tuned_file
from spark_app.storage import bucket
from spark_app.tuning import choice
from spark_app.tuning.trials import Trials

# (generator, days that the history spans, a value to stay near or None) -> value.
Draw = Callable[[np.random.Generator, float, Any], Any]
# Trials that look around the best so far, after as many anywhere.
NEAR = 0.5
# A step around the best: factors are multiplied by up to e^0.5 either way.
STEP = 0.5


class Trial(NamedTuple):
    """One set of values, by name, and what it was worth; seconds of this machine."""

    number: int
    values: dict[str, Any]
    ndcg_at_10: float
    seconds: float


class Tuned(NamedTuple):
    """What a search came to; `path` is the file that holds the best, None when nothing was clearly better."""

    trials: list[Trial]
    best: Trial
    start: float
    difference: tuple[float, float]
    path: Path | None


def search(
    trials: Trials,
    settings: Settings,
    *,
    kinds: Iterable[str],
    events: int,
    minutes: float | None,
    most: int | None,
    shown: Callable[[Trial, Trial], None],
) -> Tuned:
    """Try until the minutes or the trials are used up, whichever comes first; `shown` gets each trial and the best.

    `kinds` are the event types that occur. The first trial is what is chosen without tuning.
    """
    begun, free = time.monotonic(), space(settings, sorted(kinds))
    log = _log(settings, events)
    done = read(log)
    if not done:
        done.append(_tried(trials, settings, 0, _start(trials, settings, free), log))
    best = max(done, key=lambda trial: trial.ndcg_at_10)
    while not _is_over(begun, len(done), minutes, most):
        values = _drawn(len(done), settings, trials.split.span_days, free, best)
        done.append(_tried(trials, settings, len(done), values, log))
        best = max(best, done[-1], key=lambda trial: trial.ndcg_at_10)
        shown(done[-1], best)
    return _concluded(trials, settings, events, done, best)


def _start(trials: Trials, settings: Settings, free: Mapping[str, Draw]) -> dict[str, Any]:
    """What is chosen without tuning."""
    chosen = choice.choose(trials, settings).settings
    return {name: reached(chosen, name) for name in {**decisive.unset(settings), "algorithm": "", **free}}


def _tried(trials: Trials, settings: Settings, number: int, values: Mapping[str, Any], log: Path) -> Trial:
    begun = time.monotonic()
    ndcg = float(trials.ndcg(_asked(settings, values)).mean())
    trial = Trial(number, dict(values), ndcg, round(time.monotonic() - begun, 3))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(json.dumps(trial._asdict()) + "\n")
    return trial


def _asked(settings: Settings, values: Mapping[str, Any]) -> Settings:
    return changed(choice.plain(settings), values)


def _concluded(trials: Trials, settings: Settings, events: int, done: list[Trial], best: Trial) -> Tuned:
    """Write the best down if it is better than the first by more than chance; else nothing is tuned from now on."""
    first, found = (trials.ndcg(_asked(settings, trial.values)) for trial in (done[0], best))
    difference = choice.interval(found, first)
    path = _write(settings, events, done, best) if difference[0] > 0 else None
    if path is None:
        _remove(settings)
    return Tuned(done, best, done[0].ndcg_at_10, difference, path)


def _remove(settings: Settings) -> None:
    path = tuned_file(settings.data_dir)
    path.unlink(missing_ok=True)
    if place := settings.place(path):
        bucket.remove(place)


def _write(settings: Settings, events: int, done: list[Trial], best: Trial) -> Path:
    path = tuned_file(settings.data_dir)
    # What is said of ratings, and of repeats where there are none, was not tried.
    untried = ("explicit.", "blend.repeat_weight") if settings.seen == "never" else ("explicit.",)
    content = {
        "settings": _nested({name: value for name, value in best.values.items() if not name.startswith(untried)}),
        "ndcg_at_10": best.ndcg_at_10,
        "untuned_ndcg_at_10": done[0].ndcg_at_10,
        "trials": len(done),
        "events": events,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    generations.write_json(path, content)
    if place := settings.place(path):
        bucket.send(path, place)
    return path


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in values.items():
        block, _, leaf = name.rpartition(".")
        (tree.setdefault(block, {}) if block else tree)[leaf] = value
    return tree


def _log(settings: Settings, events: int) -> Path:
    """One file for the same events and the same settings that were set."""
    asked = json.dumps(decisive.given(settings), sort_keys=True).encode()
    return settings.data_dir / "tuning" / f"{events}-{hashlib.sha256(asked).hexdigest()[:12]}.jsonl"


def read(log: Path) -> list[Trial]:
    """The trials so far. A line that was cut short ends them, and is taken away for the next to follow."""
    found: list[Trial] = []
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    for place, line in enumerate(lines):
        try:
            found.append(Trial(**json.loads(line)))
        except ValueError:
            log.write_text("".join(lines[:place]))
            break
    return found


def _is_over(begun: float, done: int, minutes: float | None, most: int | None) -> bool:
    spent = minutes is not None and time.monotonic() - begun >= minutes * 60
    return spent or (most is not None and done >= most)


# -- what is drawn --


def _drawn(number: int, settings: Settings, span: float, free: Mapping[str, Draw], best: Trial) -> dict[str, Any]:
    """The values of a trial: anywhere, or near the best so far; the same for the same number and the same best."""
    rng = np.random.default_rng([settings.seed, number])
    near = rng.random() < NEAR
    values = dict(best.values)
    for name, draw in free.items():
        drawn = draw(rng, span, values[name] if near else None)
        if not near or rng.random() < NEAR:
            values[name] = drawn
    return values


def _one_of(*values: Any) -> Draw:
    """Any of them, one that is named twice twice as often; near one that is known, that one or the next to it."""
    distinct = list(dict.fromkeys(values))

    def draw(rng: np.random.Generator, _: float, near: Any) -> Any:
        if near not in distinct:
            return values[rng.integers(len(values))]
        place = distinct.index(near) + int(rng.integers(-1, 2))
        return distinct[min(max(place, 0), len(distinct) - 1)]

    return draw


def _between(low: float, high: float, *, none: float = 0.0, of_span: bool = False) -> Draw:
    """Log-uniform, as shares of the history's span where asked; 0 with the probability `none`."""

    def draw(rng: np.random.Generator, span: float, near: Any) -> float:
        scale = span if of_span else 1.0
        anywhere = scale * float(np.exp(rng.uniform(np.log(low), np.log(high))))
        around = near * float(np.exp(rng.uniform(-STEP, STEP))) if near else anywhere
        return 0.0 if rng.random() < none else round(min(max(around, scale * low), scale * high), 4)

    return draw


_SPACE: dict[str, Draw] = {
    "algorithm": _one_of("blend", "blend", "blend", "recent"),
    "strength": _one_of("binary", "binary", "log"),
    "half_life_days": _between(1 / 60, 1.0, none=0.2, of_span=True),
    "popularity_half_life_days": _between(1 / 200, 1.0, none=0.1, of_span=True),
    "als.factors": _one_of(16, 32, 48, 64, 96, 128),
    "als.regularization": _between(0.01, 1.0),
    "als.alpha": _between(0.5, 40.0),
    "blend.base": _one_of("als", "als", "bm25", "cosine"),
    "blend.neighbours": _one_of("bm25", "cosine"),
    "blend.neighbours_weight": _between(0.1, 2.0, none=0.5),
    "blend.popularity_weight": _between(0.05, 5.0, none=0.1),
    "neighbours.k": _one_of(10, 20, 50, 100),
}


def space(settings: Settings, kinds: Iterable[str]) -> dict[str, Draw]:
    """What may be varied for a shop with events of these kinds: names, and how values are drawn."""
    weights = {f"weights.{kind}": _between(0.05, 10.0) for kind in kinds if settings.weights.get(kind, 0) > 0}
    repeats = {"blend.repeat_weight": _between(0.5, 10.0, none=0.2)} if settings.seen != "never" else {}
    free = _free(settings)
    # A lone purchase has strength 1 whatever its weight: the others count against it.
    weights.pop("weights.purchase", None)
    return {name: draw for name, draw in (_SPACE | repeats | weights).items() if decisive.variable(name) in free}


def _free(settings: Settings) -> set[str]:
    """Variables that nobody set."""
    return {name for name, _, _, origin, _ in listed(settings) if origin in ("default", "tuned")}
