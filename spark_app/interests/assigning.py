"""A text or a picture -> the group it speaks as, how sure that is, and what is known of the group.

One definition for the verb and the API. What the catalogue offers is read anew at each question; all else is as it was
kept. A picture is read before (seeing), and what it says counts as text.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from spark_app.interests import catalogue
from spark_app.interests.catalogue import WrongCatalogueError
from spark_app.settings import Settings

if TYPE_CHECKING:
    from spark_app.interests.model import Assigned, Model

# Of a text, the last so many characters count, as of the posts of a user.
MOST_CHARACTERS = 20_000
_SURE = 0.99


class NothingSaidError(ValueError):
    """Neither a text nor a picture was given."""


class Asked(NamedTuple):
    """What is to be assigned: a text, and what was read out of a picture, None where there was none."""

    text: str = ""
    read: str | None = None

    @property
    def whole(self) -> str:
        """Both, as the posts of a user are put together."""
        return "\n\n".join(part for part in (self.text.strip(), (self.read or "").strip()) if part)


def assigned(
    settings: Settings, summary: Mapping[str, Any], model: "Model", asked: Asked
) -> dict[str, Any]:
    """The answer, as the API and --json have it, from what summary.json says of the groups. NothingSaidError.

    `group` is None where none is near enough; `nearest` is the next one then, and `confidence` how sure that is among
    the groups: 0 of a text of which nothing is known, and `x` and `y` are None then.
    `told` are the words of the text that say so, each with what its likeness to the nearest group loses without it.
    """
    if not asked.text.strip() and asked.read is None:
        raise NothingSaidError("expected a text, a picture, or both")
    text = asked.whole[-MOST_CHARACTERS:]
    (found,) = model.assign([text])
    groups, said = summary["groups"], [*_cut(asked), *_unread(asked)]
    own = groups.get(str(found.group)) if found.group is not None else None
    # What is not known lies nowhere.
    x, y = (found.x, found.y) if found.confidence else (None, None)
    return {
        "id": summary["id"], "made_at": summary["made_at"], "words": in_words(found, groups),
        "group": found.group, "nearest": found.nearest, "confidence": found.confidence, "x": x, "y": y,
        "groups": _compared(found, groups), "told": _told(model, text), "read": asked.read,
        **_known(own), "products": _offered(settings, own, said), "structure": summary["structure"], "notes": said,
    }  # fmt: skip


def in_words(found: "Assigned", groups: Mapping[str, Any]) -> str:
    """Such as: group 2 (espresso, roast, grinder), 87 % sure."""
    if found.group is not None:
        return f"group {_called(found.group, groups)}, {_percent(found.confidence)} sure"
    if not found.confidence:
        return "none of the groups: nothing is known of these words"
    return f"none of the groups: too little of it tells of one; the nearest is {_called(found.nearest, groups)}"


def _percent(sure: float) -> str:
    """Of a model nothing is ever all sure."""
    return "over 99 %" if sure > _SURE else f"{100 * sure:.0f} %"


def _called(group: int, groups: Mapping[str, Any]) -> str:
    label = groups.get(str(group), {}).get("label")
    return f"{group} ({label})" if label else str(group)


def _compared(found: "Assigned", groups: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The nearest groups, the nearest first, each with how sure it is; none of a text of which nothing is known."""
    near = [(found.nearest, found.confidence), *found.others] if found.confidence else []
    return [
        {"group": group, "label": groups.get(str(group), {}).get("label"), "confidence": confidence}
        for group, confidence in near
    ]


def _told(model: "Model", text: str) -> list[dict[str, Any]]:
    return [{"word": word, "pull": round(pull, 4)} for word, pull in model.telling(text)]


def _known(own: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of summary.json, what is told of the group; None and empty where there is none."""
    told = own or {"keywords": []}
    return {name: told.get(name) for name in ("label", "size", "share", "keywords", "strategy")}


def offering(settings: Settings, summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary in which each group is shown what the catalogue offers it now; as it is where that cannot be read."""
    try:
        rows = catalogue.read(settings.interests.products)
    except WrongCatalogueError:
        return dict(summary)
    groups = summary["groups"].items()
    offered = {number: dict(one) | {"products": catalogue.offered(rows, one)} for number, one in groups}
    return dict(summary) | {"groups": offered}


def _offered(settings: Settings, own: Mapping[str, Any] | None, notes: list[str]) -> list[dict[str, Any]]:
    if own is None:
        return []
    try:
        return catalogue.offered(catalogue.read(settings.interests.products), own)
    except WrongCatalogueError as error:
        notes.append(str(error))
        return list(own["products"])


def _cut(asked: Asked) -> Iterator[str]:
    if len(asked.whole) > MOST_CHARACTERS:
        yield f"of {len(asked.whole):,} characters the last {MOST_CHARACTERS:,} were read"


def _unread(asked: Asked) -> Iterator[str]:
    if asked.read is not None and not asked.read.strip():
        yield "there are no words in the picture"
