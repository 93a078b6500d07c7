"""What `simulate` was asked for -> the lines that it gives: sales, activity of groups, their posts alone, or browsing.

Nothing is made before its lines are taken.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from kafka_producer import activity as activity_
from kafka_producer import dirt, surfing
from kafka_producer.activity import Activity
from kafka_producer.dirt import GOOD, Line
from kafka_producer.files import part_names
from kafka_producer.simulate import Simulation, encode, good_events
from kafka_producer.surfing import Browsing

# The posts layout, and the fields of an event that its columns have.
POSTED = {"user": "user", "post_text": "text", "image": "image", "timestamp": "timestamp"}


class Plan(NamedTuple):
    """So many lines; `said` tells a person what they are.

    `header` stands before the lines of a file; `groups` gives (user, group) where there are any, and `pictures` (path,
    words) of each picture of a post.
    """

    name: str
    said: str
    lines: Callable[[], Iterable[Line]]
    number: int
    names: list[str]
    header: str | None = None
    groups: Callable[[], Iterable[tuple[str, str]]] | None = None
    pictures: Callable[[], Iterable[tuple[str, Sequence[str]]]] | None = None

    def texts(self, lines: Iterable[Line]) -> Iterator[str]:
        """What is written of the lines, after the header if there is one."""
        if self.header is not None:
            yield self.header
        for line in lines:
            yield line.text


def of(simulation: Simulation, *, files: int, posts_alone: bool = False) -> Plan:
    """The plan of a simulation of any kind, over so many files; browsing is one, and so are posts alone."""
    if isinstance(simulation, Browsing):
        return _browsing(simulation)
    if isinstance(simulation, Activity) and posts_alone:
        return _posts(simulation)
    return _activity(simulation, files) if isinstance(simulation, Activity) else _sales(simulation, files)


def _sales(simulation: Simulation, files: int) -> Plan:
    summary = dirt.summary(simulation)
    names = part_names(simulation.name, parts=min(files, summary.lines))

    def lines() -> Iterable[Line]:
        return dirt.with_dirt(good_events(simulation), simulation)

    return Plan(simulation.name, str(summary), lines, summary.lines, names)


def _activity(activity: Activity, files: int) -> Plan:
    def lines() -> Iterator[Line]:
        return (Line(encode(event), GOOD, str(event["user"])) for event in activity_.events(activity))

    names = part_names(activity.name, parts=min(files, activity.lines))
    return Plan(activity.name, str(activity), lines, activity.lines, names, None, *_beside(activity))


def _posts(activity: Activity) -> Plan:
    def lines() -> Iterator[Line]:
        for event, _ in activity_.posts(activity):
            yield Line(_row([str(event.get(field, "")) for field in POSTED.values()]), GOOD, str(event["user"]))

    name = activity.name.replace("activity", "posts", 1)
    summary = f"{activity.posts:,} posts of {activity.users:,} users in {activity.groups} groups"
    return Plan(name, summary, lines, activity.posts, [f"{name}.csv"], _row(list(POSTED)), *_beside(activity))


def _row(cells: list[str]) -> str:
    """A line of CSV, without its end."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(cells)
    return written.getvalue()


def _beside(
    activity: Activity,
) -> tuple[Callable[[], Iterable[tuple[str, str]]], Callable[[], Iterable[tuple[str, Sequence[str]]]] | None]:
    """Who is in which group; the pictures of posts, if any are to have one."""

    def pictures() -> Iterator[tuple[str, Sequence[str]]]:
        for event, told in activity_.posts(activity):
            if told.pictured:
                yield str(event["image"]), told.pictured

    return (lambda: activity_.members(activity)), pictures if activity.pictured else None


def _browsing(browsing: Browsing) -> Plan:
    def lines() -> Iterator[Line]:
        return (Line(row, GOOD, user) for user, row in surfing.rows(browsing))

    names, groups = [f"{browsing.name}.csv"], lambda: surfing.members(browsing)
    return Plan(browsing.name, str(browsing), lines, browsing.events, names, header=surfing.header(), groups=groups)
