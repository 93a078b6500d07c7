"""Profiles and what segments turn to most -> a label for each segment that a shop owner understands.

A label begins with the kind of users (kinds.py), or else with a plain noun; then comes their season, if they have one.
Behind it stands what else sets the segment apart most, in the words of TRAITS and SHARES; of users who are known by
factors alone, what they take to. Two segments of a method never have the same label: where they would, what is next
most telling is added to both.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from spark_app.segments import kinds, seasons, tops
from spark_app.segments.profiles import Profile, Trait
from spark_app.segments.tops import Top
from spark_app.segments.wide import REST

# From how many standard deviations on a trait is told, and from how many it may tell two labels apart.
TELLING, SLIGHT = 0.8, 0.1
# So many traits are told behind the kind, and so many of what a segment takes to.
TOLD, TAKEN = 2, 2
# From here on a share is much.
MUCH = 0.2
FOND = "fond of "

# What is said of a column that is far above the others', and far below; of one theme only the most telling is said.
TRAITS: Mapping[str, tuple[str, str, str]] = {
    "recency_days": ("recency", "not seen lately", "seen lately"),
    "tenure_days": ("recency", "known for long", "new"),
    "active_days": ("orders", "active on many days", "active on few days"),
    "orders": ("orders", "many orders", "few orders"),
    "money": ("money", "much money", "little money"),
    "basket": ("size", "dear orders", "cheap orders"),
    "basket_units": ("size", "large orders", "small orders"),
    "returns": ("returns", "many returns", "few returns"),
    "products": ("size", "many products", "few products"),
    "sessions": ("visits", "many visits", "few visits"),
    "session_minutes": ("minutes", "long visits", "short visits"),
    "session_events": ("size", "much at a time", "little at a time"),
    "visits": ("visits", "many visits", "few visits"),
    "domains": ("breadth", "many domains", "few domains"),
    "categories": ("breadth", "many categories", "few categories"),
    "volume": ("volume", "high volume", "low volume"),
    "volume_mean": ("volume", "heavy visits", "light visits"),
    "duration": ("minutes", "much time", "little time"),
    "duration_mean": ("minutes", "long visits", "short visits"),
}
# What is said of a share that is far above the others', by the kind of word before the colon, or of it alone.
SHARES: Mapping[str, str] = {
    "category": FOND + "{}",
    "tag": FOND + "{}",
    "brand": FOND + "{}",
    "application": "by {}",
    "referrer": "from {}",
    "referrer domain": "from {}",
    "weekday": "on {}s",
    "part": "in the {}",
    "part:night": "at night",
    "event:view": "looking much",
    "event:cart": "filling carts",
    "event:rate": "rating much",
}


def of(profiles: Sequence[Profile], rows: Sequence[Top] = ()) -> list[Profile]:
    """The profiles with their labels, each another one within a method."""
    return [named for method in _methods(profiles) for named in _named(method, rows)]


def _methods(profiles: Sequence[Profile]) -> list[list[Profile]]:
    names = dict.fromkeys(profile.method for profile in profiles)
    return [[profile for profile in profiles if profile.method == name] for name in names]


def _named(profiles: Sequence[Profile], rows: Sequence[Top]) -> list[Profile]:
    """Those of one method: what comes next is added to labels that are there more than once, until none is."""
    parts = [_first(profile, rows) for profile in profiles]
    spare = [_next(profile, rows, told) for profile, told in zip(profiles, parts, strict=True)]
    while True:
        labels = [_joined(told) for told in parts]
        twice = {label for label, count in Counter(labels).items() if count > 1}
        if not twice:
            return [profile._replace(label=label) for profile, label in zip(profiles, labels, strict=True)]
        for place in (place for place, label in enumerate(labels) if label in twice):
            parts[place].append(next(spare[place]))


def _joined(parts: Sequence[str]) -> str:
    """The parts in their order, all that users are fond of in one, where the first of it stands."""
    fond = [part.removeprefix(FOND) for part in parts if part.startswith(FOND)]
    whole = FOND + " and ".join(fond)
    return ", ".join(dict.fromkeys(whole if part.startswith(FOND) else part for part in parts))


def _first(profile: Profile, rows: Sequence[Top]) -> list[str]:
    """The kind, its season, and what is most telling; where nothing is, that is said."""
    kind, own = kinds.of(profile), tops.of_segment(rows, *profile[:2])
    telling = [words for trait, words in _untold(profile) if abs(trait.apart) >= TELLING]
    telling = sorted(telling, key=lambda words: not words.startswith(FOND))[:TOLD]  # of what before how
    season = [f"mostly in {' and '.join(row.label for row in months)}"] if (months := seasons.of(profile, own)) else []
    if kind is None and not telling:
        telling = [FOND + " and ".join(taken)] if (taken := _taken(own)) else ["like most others"]
    return [kind.words if kind else _noun(profile), *season, *telling]


def _next(profile: Profile, rows: Sequence[Top], told: Sequence[str]) -> Iterator[str]:
    """What else could be said, the most telling first; at last the number of the segment."""
    slight = [words for trait, words in _untold(profile) if abs(trait.apart) >= SLIGHT]
    taken = _taken(tops.of_segment(rows, *profile[:2]))
    for words in (*slight, *(FOND + name for name in taken)):
        if words not in told:
            yield words
    yield f"segment {profile.segment}"


def _untold(profile: Profile) -> list[tuple[Trait, str]]:
    """What the kind does not tell already and how it is said, the most telling first, one of each theme."""
    kind, found = kinds.of(profile), []
    told = {_theme(column) for column in kind.columns} if kind else set()
    for trait in profile.telling:
        theme, words = _theme(trait.feature), _words(trait)
        if words and theme not in told:
            told.add(theme)
            found.append((trait, words))
    return found


def _theme(feature: str) -> str:
    return TRAITS[feature][0] if feature in TRAITS else feature


def _words(trait: Trait) -> str | None:
    """What is said of a trait; nothing of a share that is small, and of a column without words.

    Nothing either where most users have more than others do, and the mean has less, or the other way round.
    """
    is_more = trait.apart >= 0
    if trait.feature in TRAITS:
        agree = trait.lift is None or (trait.lift >= 1) == is_more
        return TRAITS[trait.feature][1 if is_more else 2] if agree else None
    name, _, word = trait.feature.partition(":")
    pattern = SHARES.get(trait.feature) or SHARES.get(name)
    is_much = word != REST and is_more and trait.mean >= MUCH
    return pattern.format(word) if pattern and is_much else None


def _taken(rows: Sequence[Top]) -> list[str]:
    """Categories that a segment takes to, or else brands, or else products."""
    found = (tops.taken(rows, kind) for kind in ("category", "brand", "product"))
    return next(([row.label for row in some[:TAKEN]] for some in found if some), [])


def _noun(profile: Profile) -> str:
    columns = {trait.feature for trait in profile.traits}
    return "visitors" if "visits" in columns else "shoppers" if "orders" in columns else "users"
