"""The shop's rules: a small TOML file in, checked rules out, what to hide, boost or bury.

A rule names a product by its id, or a category or a brand, letter for letter. The same check reads the file and what
a generation's manifest recorded of it.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from spark_app.rules import MAX_NUMBER
from spark_app.running.errors import WrongUsageError

HIDE, BOOST, BURY = "hide", "boost", "bury"
ACTIONS = (HIDE, BOOST, BURY)
# What a rule may name -> its key in the file.
KINDS = {"product": "products", "category": "categories", "brand": "brands"}

_KEYS = "products, categories or brands"
_TABLES = "hide, boost or bury"
_LONGEST = 60


class WrongRulesError(WrongUsageError, ValueError):
    """Rules that cannot be used; the message is one line that names file, key, value and what was expected."""


class Rule(NamedTuple):
    """What to do with a product, category or brand; `by` counts standard deviations, 0 for what is hidden."""

    action: str
    kind: str
    name: str
    by: float = 0.0

    @property
    def boost(self) -> float:
        """By how much a score is moved: up, down for bury, not at all for hide."""
        return -self.by if self.action == BURY else self.by

    @property
    def words(self) -> str:
        """hide brand Dunmore; boost product P0001 by 0.5."""
        amount = "" if self.action == HIDE else f" by {self.by:g}"
        return f"{self.action} {self.kind} {self.name}{amount}"


class Rules(NamedTuple):
    """Every rule once, products first, in the order of the names; what is hidden may also be boosted or buried."""

    rows: tuple[Rule, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The form of the file, for JSON; the same rules give the same text."""
        tree: dict[str, Any] = {}
        for action in ACTIONS:
            for kind, key in KINDS.items():
                named = {rule.name: rule.by for rule in self.rows if (rule.action, rule.kind) == (action, kind)}
                if named:
                    tree.setdefault(action, {})[key] = list(named) if action == HIDE else named
        return tree

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any], where: str = "the recorded rules") -> Self:
        """The rules of what `as_dict` gave or a file says; WrongRulesError when it is neither."""
        found = {(rule.action, rule.kind, rule.name): rule for rule in _rules(tree, where)}
        for action, kind, name in found:
            if action == BURY and (BOOST, kind, name) in found:
                key = f"{BURY}.{KINDS[kind]}.{name}"
                raise _refusal(where, key, found[action, kind, name].by, "it in boost or in bury, not in both")
        return cls(tuple(sorted(found.values(), key=_order)))


def read(path: Path | None) -> Rules:
    """The rules of a file; none without a file. WrongRulesError when it is missing, no TOML or no rules."""
    return Rules() if path is None else Rules.from_dict(_tree(path), str(path))


def _tree(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WrongRulesError(f"{path}: {error.strerror}: expected a TOML file with {_TABLES}") from None
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        fault = f"not UTF-8 (at line {_line(content, error.start)})"
    except ValueError as error:
        fault = str(error).replace("at end of document", f"at line {_line(content, len(content))}, the end")
    raise WrongRulesError(f"{path}: {fault}: expected TOML")


def _line(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1


def _rules(tree: Mapping[str, Any], where: str) -> Iterator[Rule]:
    kinds = {key: kind for kind, key in KINDS.items()}
    for action, table in tree.items():
        if action not in ACTIONS:
            raise _refusal(where, action, table, _TABLES)
        if not isinstance(table, Mapping):
            raise _refusal(where, action, table, f"a table with {_KEYS}")
        for key, value in table.items():
            if key not in kinds:
                raise _refusal(where, f"{action}.{key}", value, _KEYS)
            named = _hidden if action == HIDE else _moved
            for name, by in named(value, where, f"{action}.{key}"):
                yield Rule(action, kinds[key], name, by)


def _hidden(names: Any, where: str, key: str) -> Iterator[tuple[str, float]]:
    if not isinstance(names, list):
        raise _refusal(where, key, names, 'a list of names, such as ["a name"]')
    for name in names:
        yield _checked_name(name, where, key), 0.0


def _moved(amounts: Any, where: str, key: str) -> Iterator[tuple[str, float]]:
    if not isinstance(amounts, Mapping):
        raise _refusal(where, key, amounts, 'names and numbers, such as { "a name" = 1.5 }')
    for name, by in amounts.items():
        if not _is_amount(by):
            raise _refusal(where, f"{key}.{name}", by, f"a number above 0 and at most {MAX_NUMBER:g}")
        yield _checked_name(name, where, key), float(by)


def _checked_name(name: Any, where: str, key: str) -> str:
    if not isinstance(name, str) or not name:
        raise _refusal(where, key, name, "a name in quotes")
    return name


def _is_amount(value: Any) -> bool:
    # True is a number to Python; NaN is above nothing.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MAX_NUMBER


def _order(rule: Rule) -> tuple[int, str, int]:
    return list(KINDS).index(rule.kind), rule.name, ACTIONS.index(rule.action)


def _refusal(where: str, key: str, value: Any, expected: str) -> WrongRulesError:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    if len(shown) > _LONGEST:
        shown = f"{shown[: _LONGEST - 3]}..."
    return WrongRulesError(" ".join(f"{where}: {key} = {shown}: expected {expected}".splitlines()))
