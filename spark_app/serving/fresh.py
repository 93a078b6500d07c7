"""What is known beyond a generation: events that were just posted, and those that the event table got since.

Both come in, each event is held once, and a new generation takes away what it was trained on. Writers take turns;
readers take no lock, what they are given is never changed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from operator import attrgetter
from threading import Lock
from typing import Any, NamedTuple

CAP = 1_000_000
# Above the cap this part of it goes at once, so that the oldest are not looked for at each event.
_AT_ONCE = 1024


class Event(NamedTuple):
    """An event as serving needs it; `occurred_at` in microseconds since 1970, UTC."""

    event_id: str
    user: str
    product: str | None
    event_type: str
    quantity: float
    rating: float | None
    occurred_at: int
    price: float | None
    brand: str | None
    category: str | None
    name: str | None
    in_stock: bool | None


class Details(NamedTuple):
    """What the newest events say of a product, field by field; None where they say nothing."""

    name: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    in_stock: bool | None = None


class Counts(NamedTuple):
    """Events held, their users, those of them that are posted and not in the table yet; dropped for want of room."""

    events: int
    users: int
    waiting: int
    dropped: int


# Of each field of Details: when it was said, and what.
_Said = tuple[tuple[int, Any] | None, ...]
_NOTHING: _Said = (None,) * len(Details._fields)
_said_by = attrgetter(*Details._fields)
_by_time = attrgetter("occurred_at", "event_id")


class Fresh:
    """Events beyond the oldest generation that is served, at most `cap` of them; the first to come are the first to go.

    Ids of events that were let go stay known, about `cap` of them, so that one that is posted again is not held again.
    """

    def __init__(self, cap: int = CAP) -> None:
        self._cap = cap
        self._turn = Lock()
        # In the order in which they came.
        self._held: dict[str, Event] = {}
        # Of those held that the event table has: the first version that does.
        self._versions: dict[str, int] = {}
        self._let_go = _Ids(cap)
        self._views = _Views()
        self._base = -1
        self._dropped = 0

    def posted(self, events: Iterable[Event]) -> None:
        """Hold events that were just posted; one whose id is known is passed over."""
        with self._turn:
            new: dict[str, Event] = {}
            for event in events:
                if not self.knows(event.event_id):
                    new.setdefault(event.event_id, event)
            self._hold(new)

    def ingested(self, version: int, events: Iterable[Event]) -> None:
        """Hold events that the event table got at this version, each in the place of the posted one, if there is one.

        What the generation was trained on is let go instead. The same may be told again.
        """
        with self._turn:
            if version <= self._base:
                self._views.change(self._take(event.event_id for event in events), ())
            else:
                self._hold(self._noted(version, events))

    def rebase(self, version: int) -> None:
        """Go over to this version of the event table, that of the oldest generation: what that had goes.

        An older version than before is allowed; what the table got after it has to be told again.
        """
        with self._turn:
            self._base = version
            if self._take([name for name, seen in self._versions.items() if seen <= version]):
                self._look_anew()

    def withdraw(self, event_ids: Iterable[str]) -> None:
        """Let go of posted events that will not come to the table, as doubles of older ones; their ids stay known."""
        with self._turn:
            self._views.change(self._take(name for name in event_ids if name not in self._versions), ())

    def forget(self, is_gone: Callable[[Event], bool]) -> int:
        """Let go of the events of users who were forgotten, and of what those said of products; gives how many."""
        with self._turn:
            gone = self._take([name for name, event in self._held.items() if is_gone(event)])
            if gone:
                self._look_anew()
            return len(gone)

    def waiting(self) -> set[str]:
        """Ids of events that were posted and that the event table does not have."""
        with self._turn:
            return self._held.keys() - self._versions.keys()

    def of(self, user: str, since: int | None = None) -> tuple[Event, ...]:
        """The user's events in order of (occurred_at, event_id), those that the table got after a version alone."""
        found = self._views.by_user.get(user, ())
        if since is None or not found or since <= self._base:
            return found
        versions = self._versions
        return tuple(event for event in found if versions.get(event.event_id, since + 1) > since)

    @property
    def newest_at(self) -> int:
        """The time of the newest event that came since the generation, in microseconds; 0 before the first."""
        return self._views.newest

    @property
    def describes(self) -> bool:
        """Whether any event here says something of a product."""
        return bool(self._views.said)

    def users(self) -> list[str]:
        """Who has events here."""
        return list(self._views.by_user)

    def knows(self, event_id: str) -> bool:
        """Whether an event of this id is held, or was let go not long ago."""
        return event_id in self._held or event_id in self._let_go

    def details(self, product: str) -> Details:
        """What the newest events say of a product; of what was said at one time, the last in order stands."""
        said = self._views.said.get(product, _NOTHING)
        return Details(*(None if field is None else field[1] for field in said))

    def said_of(self, product: str, field: str) -> tuple[int, Any] | None:
        """(when, what) the newest event says of one field of a product; None where none says anything."""
        return self._views.said.get(product, _NOTHING)[Details._fields.index(field)]

    def said(self, field: str) -> dict[str, Any]:
        """Product -> what the newest event says of one field of Details, where any says it."""
        place = Details._fields.index(field)
        return {product: found[1] for product, said in list(self._views.said.items()) if (found := said[place])}

    def users_of(self, product: str) -> list[str]:
        """Who has an event with the product here."""
        return list(self._views.met.get(product, ()))

    def counts(self) -> Counts:
        """How much is held; while one writes, give or take what it is at."""
        held, in_table = len(self._held), len(self._versions)
        return Counts(held, len(self._views.by_user), max(held - in_table, 0), self._dropped)

    def _look_anew(self) -> None:
        """The views of what is held now, so that details said by none of it go as well."""
        views = _Views()
        views.change((), self._held.values())
        self._views = views

    def _noted(self, version: int, events: Iterable[Event]) -> dict[str, Event]:
        """Remember at which version they came; gives those that were not in the table before."""
        new: dict[str, Event] = {}
        for event in events:
            known = self._versions.get(event.event_id)
            if known is None:
                new[event.event_id] = event
            self._versions[event.event_id] = version if known is None else min(known, version)
        return new

    def _hold(self, events: Mapping[str, Event]) -> None:
        new = [event for name, event in events.items() if self._held.get(name) != event]
        replaced = [self._held[event.event_id] for event in new if event.event_id in self._held]
        self._held.update((event.event_id, event) for event in new)
        self._views.change(replaced, new)
        if len(self._held) > self._cap:
            self._drop(len(self._held) - self._cap + self._cap // _AT_ONCE)

    def _drop(self, number: int) -> None:
        """Let the first that came go."""
        self._views.change(self._take(list(islice(self._held, number))), ())
        self._dropped += number

    def _take(self, event_ids: Iterable[str]) -> list[Event]:
        """Let events go, as far as they are held; gives those."""
        names = list(event_ids)
        self._let_go.add(names)
        for name in names:
            self._versions.pop(name, None)
        return [event for event in (self._held.pop(name, None) for name in names) if event]


class _Views:
    """The events as they are asked for. What a reader gets is replaced, never changed."""

    def __init__(self) -> None:
        self.by_user: dict[str, tuple[Event, ...]] = {}
        # Product -> user -> number of events.
        self.met: dict[str, dict[str, int]] = {}
        self.said: dict[str, _Said] = {}
        self.newest = 0

    def change(self, gone: Collection[Event], new: Collection[Event]) -> None:
        """Some events go and others come, for a user at once; what those that go have said of products stays."""
        going, coming = _by_user(gone), _by_user(new)
        for user in going.keys() | coming.keys():
            left = _without(self.by_user.get(user, ()), going.get(user, ()))
            if held := _merged(left, coming.get(user, ())):
                self.by_user[user] = held
            else:
                self.by_user.pop(user, None)
        for event in gone:
            self._part(event)
        for event in new:
            self.newest = max(self.newest, event.occurred_at)
            self._meet(event)

    def _meet(self, event: Event) -> None:
        if event.product is None:
            return
        users = self.met.setdefault(event.product, {})
        users[event.user] = users.get(event.user, 0) + 1
        values = _said_by(event)
        if values != _NOTHING:
            self.said[event.product] = _newest(self.said.get(event.product, _NOTHING), event.occurred_at, values)

    def _part(self, event: Event) -> None:
        if event.product is None:
            return
        users = self.met[event.product]
        users[event.user] -= 1
        if not users[event.user]:
            del users[event.user]
        if not users:
            del self.met[event.product]


class _Ids:
    """The last ids that were added, about `cap` of them: of two halves, the older is forgotten when one is full."""

    def __init__(self, cap: int) -> None:
        self._half = max(cap // 2, 1)
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._young or name in self._old

    def add(self, names: Iterable[str]) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()
        self._young.update(names)


def _by_user(events: Collection[Event]) -> dict[str, list[Event]]:
    grouped: dict[str, list[Event]] = {}
    for event in events:
        grouped.setdefault(event.user, []).append(event)
    return grouped


def _without(events: tuple[Event, ...], gone: Collection[Event]) -> tuple[Event, ...]:
    if not gone:
        return events
    names = {event.event_id for event in gone}
    return tuple(event for event in events if event.event_id not in names)


def _merged(events: tuple[Event, ...], new: Collection[Event]) -> tuple[Event, ...]:
    """In order; most often the new ones are the newest."""
    coming = tuple(sorted(new, key=_by_time))
    if not events or not coming or _by_time(events[-1]) <= _by_time(coming[0]):
        return events + coming
    return tuple(sorted(events + coming, key=_by_time))


def _newest(said: _Said, at: int, values: tuple[Any, ...]) -> _Said:
    return tuple([
        field if value is None or (field and field >= (at, value)) else (at, value)
        for field, value in zip(said, values, strict=True)
    ])  # fmt: skip
