"""Wiring of a comparison: lists of the generation that was served, later events folded in, and those trained since.

It says how far what is served between two trainings can be trusted. No Spark.
"""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from spark_app.generations import Generation
from spark_app.mapped import maps
from spark_app.serving import added, commits, lists, people
from spark_app.serving.exact import Exact
from spark_app.serving.fresh import Event
from spark_app.serving.model import Served
from spark_app.settings import Settings
from spark_app.storage import table_copies, tables
from spark_app.storage.tables import EVENTS

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
    parts = _parts(settings, served, version)
    if sum(pq.read_metadata(part).num_rows for part in parts) > MOST:
        return None
    later = _by_user(parts)
    users = sorted(later)[:: max(1, -(-len(later) // SAMPLE))]
    expected = {user: found for user in users if (found := _listed(trained, user))}
    folded = _folded_in(served, {user: later[user] for user in expected})
    shares = [len(found & expected[user]) / len(expected[user]) for user, found in folded.items()]
    return float(np.mean(shares)) if shares else None


def _parts(settings: Settings, served: Served, version: int) -> list[Path]:
    """Files that the event table got between both versions; what is there no more is left out."""
    table_copies.follow(settings, EVENTS, served.version)
    folder = tables.path(settings, EVENTS)
    found = (commits.read(folder, number) for number in range(served.version + 1, version + 1))
    return [part for commit in found if commit for part in commit.parts if part.exists()]


def _by_user(parts: list[Path]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for portion in (portion for part in parts for portion in added.of_part(part)):
        for event in portion.events:
            found.setdefault(event.user, []).append(event)
    return found


def _listed(trained: maps.Maps, user: str) -> set[str]:
    """The first of a user's new list; nothing for one who has none."""
    place = maps.Sorted(trained.users["user"]).find(user)
    rows = trained.lists["rows"][trained.users["userId"][place].as_py()] if place >= 0 else ()
    return {trained.products["product"][int(row)].as_py() for row in rows[:AT] if row >= 0}


def _folded_in(served: Served, later: dict[str, list[Event]]) -> dict[str, set[str]]:
    """What would have been listed to each user of whom the model knows something."""
    people_ = {user: people.known(served, served.user_id(user), events) for user, events in later.items()}
    asks = {
        user: lists.asked(served, one, one.user, lists.Filters(), AT)[0]
        for user, one in people_.items() if one.user is not None
    }  # fmt: skip
    if served.mould is None or not asks:
        return {}
    found = Exact(served.mould.products, served.similar).best_now(list(asks.values()))
    return {
        user: {served.products[int(row)] for row in served.row_of_place[places]}
        for user, (places, _) in zip(asks, found, strict=True)
    }
