"""The settings model -> docs/configuration.md: each setting with its default, what is expected, and its meaning."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spark_app.schemas import EVENT_WEIGHTS
from spark_app.settings import PREFIX, Settings, shown

_TOP = """# Configuration

Every setting comes from the environment, over `.env` in the working folder, over `tuned.json` (what `tune` found), over
its default. `python -m spark_app settings` shows the value of each and where it came from, secrets masked. A wrong
value, or a name that is none, ends a verb at once with one line that says what was expected.

This page is made from the settings themselves: `python -m spark_app settings --markdown > docs/configuration.md`.
"""
_SIGNS = {Ge: "at least {}", Gt: "above {}", Le: "at most {}", Lt: "below {}"}
_NAMES = {int: "a whole number", float: "a number", bool: "true or false", dict: "JSON", Path: "a path"}


def page() -> str:
    """The whole page."""
    blocks = {name: field.default for name, field in Settings.model_fields.items() if _is_block(field)}
    plain = {name: field for name, field in Settings.model_fields.items() if name not in blocks}
    parts = [_TOP, _table(PREFIX, plain)]
    for name, block in blocks.items():
        prefix = f"{PREFIX}{name.upper()}__"
        parts.append(f"## {name}\n\n{_said(type(block))}\n")
        parts.append(_table(prefix, _leaves(type(block))))
    return "\n".join(parts)


def _is_block(field: FieldInfo) -> bool:
    return isinstance(field.default, BaseModel)


def _leaves(block: type[BaseModel], before: str = "") -> dict[str, FieldInfo]:
    """Fields of a block and of the blocks in it."""
    found: dict[str, FieldInfo] = {}
    for name, field in block.model_fields.items():
        inner = type(field.default) if _is_block(field) else None
        found |= _leaves(inner, f"{before}{name}__") if inner else {before + name: field}
    return found


def _said(block: type[BaseModel]) -> str:
    return (block.__doc__ or "").strip().partition("\n")[0]


def _table(prefix: str, found: dict[str, FieldInfo]) -> str:
    rows = ["| setting | default | expected | what it means |", "|---|---|---|---|"]
    for name, field in found.items():
        default = EVENT_WEIGHTS if name == "weights" else field.default
        cells = [_cell(text) for text in (_default(default), _expected(field), field.description)]
        rows.append(f"| `{prefix}{name.upper()}` | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else shown(value)


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("*", "\\*")


def _expected(field: FieldInfo) -> str:
    """What a value has to be, in words."""
    choices = _choices(field.annotation)
    if choices:
        return ", ".join(choices)
    bounds = [_SIGNS[type(one)].format(_bound(one)) for one in field.metadata if type(one) in _SIGNS]
    lengths = [one for one in field.metadata if isinstance(one, MinLen | MaxLen)]
    kind = next((name for type_, name in _NAMES.items() if type_ in _kinds(field.annotation)), "")
    words = " and ".join(bounds) or ("not empty" if lengths else "")
    return ", ".join(part for part in (kind, words) if part)


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(one) for one in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]


def _kinds(annotation: Any) -> set[Any]:
    """The types that it may have: `int | None` has int."""
    parts = () if get_origin(annotation) is dict else get_args(annotation)
    return {annotation, get_origin(annotation)} | {kind for part in parts for kind in _kinds(part)}


def _bound(one: Any) -> str:
    value = getattr(one, type(one).__name__.lower())
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value}"
