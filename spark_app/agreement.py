"""Wiring of a comparison: lists of the generation that was served, later events folded in, and those trained since.

It says how far what is served between two trainings can be trusted. No Spark.
"""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from spark_app import maps, scoring, tables
from spark_app.arrays import SeenCSR
from spark_app.generations import Generation
from spark_app.serving import added, commits, lists, people
from spark_app.serving.fresh import Event
from spark_app.serving.model import Served
from spark_app.settings import Settings
from spark_app.tables import EVENTS

AT = 10
# So many users, evenly out of all that had events, say enough; and so many events are read, for no more than seconds.
SAMPLE, MOST = 500, 300_000


def of_fold_in(settings: Settings, before: Generation | None, now: Generation, version: int) -> float | None:
    """The share of each new list's first ten that folding in had found: the mean over users with events in between.

    `version` of the event table is what the new generation was trained on. None where there is nothing to compare, or
    more events than are read for it.
    """
    if before is None or not maps.is_there(before):
        return None
    served, trained = Served(before, settings), maps.opened(now)
    if served.mould is None:
        return None
    parts = _parts(settings, served, version)
    if sum(pq.read_metadata(part).num_rows for part in parts) > MOST:
        return None
    later = _by_user(parts)
    users = sorted(later)[:: max(1, -(-len(later) // SAMPLE))]
    found = [_overlap(served, trained, user, later[user]) for user in users]
    shares = [share for share in found if share is not None]
    return float(np.mean(shares)) if shares else None


def _parts(settings: Settings, served: Served, version: int) -> list[Path]:
    """Files that the event table got between both versions; what is there no more is left out."""
    folder = tables.path(settings, EVENTS)
    found = (commits.read(folder, number) for number in range(served.version + 1, version + 1))
    return [part for commit in found if commit for part in commit.parts if part.exists()]


def _by_user(parts: list[Path]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for portion in (portion for part in parts for portion in added.of_part(part)):
        for event in portion.events:
            found.setdefault(event.user, []).append(event)
    return found


def _overlap(served: Served, trained: maps.Maps, user: str, later: list[Event]) -> float | None:
    """Of one user; None for one whom one of both does not know."""
    person = people.known(served, served.user_id(user), later)
    row = _row(trained, user)
    if person.user is None or row is None:
        return None
    ask, _ = lists.asked(served, person, person.user, lists.Filters(), AT)
    seen = SeenCSR(np.array([0, len(ask.excluded)]), ask.excluded)
    mould = served.mould
    assert mould is not None
    best = scoring.top_n(ask.vector[None], mould.products, seen, n=AT, habits=person.user.habits, similar=mould.similar)
    places = best.products[0][best.products[0] >= 0]
    folded = {served.products[int(served.row_of_place[place])] for place in places}
    expected = [trained.products["product"][int(one)].as_py() for one in row[:AT] if one >= 0]
    return len(folded & set(expected)) / len(expected) if expected else None


def _row(trained: maps.Maps, user: str) -> np.ndarray | None:
    place = maps.Sorted(trained.users["user"]).find(user)
    return trained.lists["rows"][trained.users["userId"][place].as_py()] if place >= 0 else None
