"""Which settings decide a model: left open, changed, recorded with a generation, restored from it, compared.

A setting is called by its name below the root, such as `als.alpha`, or by its variable, MILLSTREAM_ALS__ALPHA.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from spark_app import blocks
from spark_app.settings import PREFIX, Given, Settings, fields, listed, reach, shown

# What decides how a model and its lists turn out, given the events. Of the rules, the manifest keeps what they say.
_DECISIVE = (
    "top_n", "feedback", "strength", "algorithm", "engine", "half_life_days", "popularity_half_life_days", "weights",
    "als", "blend", "neighbours", "explicit", "seed", "seen", "cooldown_days",
)  # fmt: skip
# What an unset value is when it is not learnt.
_PLAIN = {
    "half_life_days": 0.0, "popularity_half_life_days": 14.0,
    "als": {"regularization": blocks.REGULARIZATION, "alpha": blocks.ALPHA},
    "blend": {
        "base": "als", "neighbours": "bm25", "neighbours_weight": 0.0, "popularity_weight": 0.3, "repeat_weight": 0.0,
    },
    "explicit": {"factors": 20, "regularization": blocks.EXPLICIT_REGULARIZATION},
}  # fmt: skip


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """These settings with some replaced, by their names below the root: {"als.alpha": 4.0, "weights.view": 2.0}."""
    update: dict[str, Any] = {}
    for name, value in changes.items():
        block, _, leaf = name.rpartition(".")
        if not block:
            update[leaf] = value
            continue
        before = update.get(block, getattr(settings, block))
        is_mapping = isinstance(before, dict)
        update[block] = before | {leaf: value} if is_mapping else before.model_copy(update={leaf: value})
    return settings.model_copy(update=update)


def reached(settings: Settings, name: str) -> Any:
    """The value of a setting by such a name."""
    return reach(settings, tuple(name.split(".")))


def variable(name: str) -> str:
    """The variable of such a name; a weight belongs to all weights."""
    return PREFIX + ("weights" if name.startswith("weights.") else name).replace(".", "__").upper()


def given(settings: Settings) -> dict[str, str]:
    """What decides the lists, as it was set: variable -> value."""
    return {name: value["value"] for name, value in recorded(settings).items() if decides(name)}


def unset(settings: Settings) -> dict[str, Any]:
    """What is not set and could be learnt, by name, and what it is when it is not learnt."""
    plain = {
        ".".join(filter(None, (block, leaf))): value
        for block, leaves in _PLAIN.items()
        for leaf, value in (leaves.items() if isinstance(leaves, dict) else [("", leaves)])
    }
    return {name: value for name, value in plain.items() if reached(settings, name) is None}


def decides(variable: str) -> bool:
    """Whether a variable decides how a model and its lists turn out."""
    return variable.removeprefix(PREFIX).lower().split("__")[0] in _DECISIVE


def same_lists(one: Settings, other: Settings) -> bool:
    """Whether both would make the same lists of the same events, but for their length."""
    return all(getattr(one, name) == getattr(other, name) for name in _DECISIVE if name != "top_n")


def recorded(settings: Settings, learnt: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Settings as a generation's manifest keeps them: {variable: {value, origin}}; `learnt` by their names."""
    names = {PREFIX + name.replace(".", "__").upper() for name in learnt}
    return {
        name: {"value": value, "origin": "learnt" if name in names else origin}
        for name, value, _, origin, _ in listed(settings)
    }


def decisive(recorded: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """What decides how a model turns out, of a manifest's settings: {als.factors: {value, origin}}."""
    names = {".".join(path): PREFIX + "__".join(path).upper() for path, *_ in fields(Settings) if path[0] in _DECISIVE}
    return {short: recorded[name] for short, name in names.items() if name in recorded}


def restored(settings: Settings, recorded: Mapping[str, Mapping[str, Any]]) -> Settings:
    """These settings with all that decides a model taken from a manifest; what it does not know yet is the default."""
    tree: dict[str, Any] = {}
    feedback = recorded.get(f"{PREFIX}FEEDBACK", {"value": ""})["value"]
    for path, default, _ in fields(Settings):
        if path[0] in _DECISIVE:
            name = PREFIX + "__".join(path).upper()
            # What an older generation did not know yet was as if it were not set, and its lists were those of ALS, or
            # of the ratings that ALS predicts.
            before = ("ratings" if feedback == "explicit" else "als") if path[-1] == "algorithm" else shown(default)
            text = recorded[name]["value"] if name in recorded else before
            branch = tree
            for part in path[:-1]:
                branch = branch.setdefault(part, {})
            branch[path[-1]] = json.loads(text) if isinstance(default, dict) else (text or None)
    then = Given(**tree)
    return settings.model_copy(update={name: getattr(then, name) for name in _DECISIVE})
