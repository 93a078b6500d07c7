"""The verbs simulate, replay and demo: what was asked for is checked, and done.

Here the clock is read and lines are printed.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from kafka_producer import demo as demo_
from kafka_producer import pace, picturing, planned
from kafka_producer import replay as replay_
from kafka_producer.activity import EVENTS_A_USER, Activity
from kafka_producer.delivery import as_message, messages, to_topic
from kafka_producer.files import deliver
from kafka_producer.files import write as write_file
from kafka_producer.planned import Plan
from kafka_producer.progress import say
from kafka_producer.replay import Replayed
from kafka_producer.simulate import Simulation
from kafka_producer.surfing import VISITS_A_USER, Browsing
from spark_app.settings import load

EXAMPLE = "Example: python -m kafka_producer simulate --to files --inbox data/inbox"
DEFAULT = Simulation()

Inbox = Annotated[Path | None, typer.Option(file_okay=False, help="Folder for --to files; made if need be.")]
Rate = Annotated[float | None, typer.Option(help="Messages a second; as fast as it goes without.")]


class Target(StrEnum):
    """Where the events go."""

    FILES = "files"
    KAFKA = "kafka"
    STDOUT = "stdout"


class Channel(StrEnum):
    """Where replayed files go."""

    FILES = "files"
    KAFKA = "kafka"


def add_to(app: typer.Typer) -> None:
    """Give the verbs to the command line."""
    app.command(epilog=EXAMPLE)(simulate)
    app.command(epilog="Example: python -m kafka_producer replay sales.csv --speedup 60")(replay)
    app.command()(demo)


def simulate(
    to: Annotated[
        Target | None, typer.Option(help="The topic, files of the inbox, or lines on standard output, as without it.")
    ] = None,
    events: Annotated[
        int | None,
        typer.Option(help=f"Events: {DEFAULT.events:,}, or {EVENTS_A_USER} a user where there are groups."),
    ] = None,
    users: Annotated[
        int | None, typer.Option(help=f"Users who buy: {DEFAULT.users:,}, or {Activity.users} where there are groups.")
    ] = None,
    products: Annotated[int | None, typer.Option(help=f"Products in the catalogue: {DEFAULT.products}.")] = None,
    groups: Annotated[
        int | None, typer.Option(help="Users in so many groups, each with habits of its own, instead of plain sales.")
    ] = None,
    posts: Annotated[int | None, typer.Option(help="Posts of these groups, besides their events.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for pictures that some posts say it with, as PNG.")
    ] = None,
    posts_csv: Annotated[
        bool, typer.Option("--posts-csv", help="These posts alone, in the posts layout, as one CSV.")
    ] = False,
    browsing: Annotated[
        int | None, typer.Option(help="So many browsing users instead, in the browsing layout, as one CSV.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write who is in which group, as CSV: user,group.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed and sizes give the same bytes.")] = DEFAULT.seed,
    days: Annotated[int, typer.Option(help="Days that the events cover.")] = DEFAULT.days,
    until: Annotated[str, typer.Option(help="ISO-8601 end of the last day.")] = f"{DEFAULT.until:%Y-%m-%dT%H:%MZ}",
    inbox: Inbox = None,
    files: Annotated[int, typer.Option(help="How many files the events are spread over.")] = 10,
    rate: Rate = None,
) -> None:
    """Simulate seeded sales: shoppers with hidden tastes, repeat purchases, returns, and a little dirt.

    With --groups or --posts, activity of groups that differ, without dirt; with --pictures, some of their posts show in
    a picture what they say; with --browsing, visits of domains.
    A second call with the same numbers finds its files in the inbox and writes nothing.
    """
    if files < 1:
        raise typer.BadParameter(f"--files is {files}, expected 1 or more")
    to = to or (Target.FILES if inbox else Target.STDOUT)
    check(to=to, inbox=inbox, rate=rate)
    numbers = {"events": events, "users": users, "products": products, "groups": groups, "posts": posts}
    for option, given in {f"--pictures {pictures}": pictures, "--posts-csv": posts_csv}.items():
        if given and not posts:
            raise typer.BadParameter(f"{option} goes with --posts N")
    simulation = requested(browsing, numbers, seed=seed, days=days, until=until, pictured=pictures is not None)
    plan = planned.of(simulation, files=files, posts_alone=posts_csv)
    if truth and not plan.groups:
        raise typer.BadParameter(f"--truth {truth} goes with --groups, --posts or --browsing")
    if to is Target.KAFKA and plan.header:
        option = "--posts-csv" if posts_csv else "--browsing"
        raise typer.BadParameter(f"{option} gives a CSV: write it with --to files, and send that with `replay`")
    warn_of_future(simulation)
    if truth and plan.groups:
        write_truth(plan.groups(), truth)
    if pictures and plan.pictures:
        write_pictures(plan.pictures(), pictures, seed=seed)
    deliver_to(to, plan, inbox=inbox, rate=rate)


def replay(
    paths: Annotated[list[Path], typer.Argument(help="CSV in a known layout or JSON lines, also .gz; or folders.")],
    to: Annotated[Channel, typer.Option(help="The topic, or files of the inbox.")] = Channel.KAFKA,
    rate: Rate = None,
    speedup: Annotated[
        float | None, typer.Option(help="Keep the gaps between the rows' times, divided by this; 60: an hour a minute.")
    ] = None,
    inbox: Inbox = None,
) -> None:
    """Send real files as events. Their ids are made of file name and place: what is replayed twice counts once."""
    check(to=to, inbox=inbox, rate=rate, speedup=speedup)
    settings = load()
    found = replay_.files_of(paths)
    with reading():
        if inbox is not None:
            for path in found:
                replay_to_file(paced(replay_.replayed(path, settings.columns), rate, speedup), path, inbox)
            return
        events = chain.from_iterable(replay_.replayed(path, settings.columns) for path in found)
        chunks = ([as_message(event) for event in chunk] for chunk in paced(events, rate, speedup))
        to_topic(chunks, settings.kafka, name="replay")


def demo() -> None:
    """A broker if there is none, simulated sales, and the pipeline on them; the same as `make run SOURCE=kafka`."""
    raise typer.Exit(demo_.run(load(), DEFAULT))


def check(*, to: str, inbox: Path | None, rate: float | None, speedup: float | None = None) -> None:
    """A usage error names the options that do not go together."""
    if to == "files" and inbox is None:
        raise typer.BadParameter("--to files needs --inbox DIR")
    if to != "files" and inbox:
        raise typer.BadParameter(f"--inbox {inbox} goes with --to files, not with --to {to}")
    for name, value in {"rate": rate, "speedup": speedup}.items():
        if value is not None and not value > 0:
            raise typer.BadParameter(f"--{name} is {value:g}, expected a number above 0")
    if rate and speedup:
        raise typer.BadParameter("--rate and --speedup exclude each other")


def requested(
    browsing: int | None, numbers: Mapping[str, int | None], *, seed: int, days: int, until: str, pictured: bool
) -> Simulation:
    """The simulation that was asked for; a usage error names the option that cannot be."""
    try:
        end = in_utc(datetime.fromisoformat(until))
    except ValueError:
        raise typer.BadParameter(f"--until is {until!r}, expected a date such as 2026-10-31T00:00Z") from None
    given = {name: value for name, value in numbers.items() if value is not None}
    if browsing is not None:
        return browsed(browsing, given, seed=seed, days=days, until=end)
    try:
        if not {"groups", "posts"} & given.keys():
            return Simulation(seed=seed, days=days, until=end, **given)
        events = EVENTS_A_USER * max(given.get("users", Activity.users), 1)
        return Activity(seed=seed, days=days, until=end, pictured=pictured, **{"events": events} | given)
    except ValueError as error:
        raise typer.BadParameter(f"--{error}") from error


def browsed(users: int, given: dict[str, int], *, seed: int, days: int, until: datetime) -> Browsing:
    """Browsing of so many users."""
    for name in ("users", "products", "posts"):
        if name in given:
            raise typer.BadParameter(f"--{name} {given[name]} does not go with --browsing {users}")
    try:
        numbers = {"events": VISITS_A_USER * max(users, 1)} | given
        return Browsing(users=users, seed=seed, days=days, until=until, **numbers)
    except ValueError as error:
        raise typer.BadParameter(f"--{error}".replace("--users", "--browsing")) from error


def in_utc(time: datetime) -> datetime:
    """The same instant in UTC, which is also meant where no zone is given."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def warn_of_future(simulation: Simulation) -> None:
    """Millstream refuses events that are more than a day ahead of the clock."""
    if simulation.until > datetime.now(UTC) + timedelta(days=1):
        say(
            f"note: --until {simulation.until:%Y-%m-%d} is ahead of this machine's clock: later events will be rejected"
        )


def deliver_to(to: Target, plan: Plan, *, inbox: Path | None, rate: float | None) -> None:
    """The lines of a plan where they are to go."""
    if to is Target.KAFKA:
        to_topic(messages(plan.lines(), rate), load().kafka, name="simulate", total=plan.number)
        say(plan.said)
    elif inbox is None:
        to_stdout(plan, rate)
    else:
        to_files(plan, inbox=inbox, rate=rate)


def to_stdout(plan: Plan, rate: float | None) -> None:
    """Its lines; what they are is said on standard error."""
    out, texts = sys.stdout.buffer, plan.texts(plan.lines())
    with writing("standard output"):
        for chunk in pace.at_rate(texts, rate) if rate else pace.at_once(texts):
            out.writelines(text.encode() + b"\n" for text in chunk)
            out.flush()
    say(plan.said)


def to_files(plan: Plan, *, inbox: Path, rate: float | None) -> None:
    """Files of the inbox, unless they are there already."""
    texts: Iterable[str] = plan.texts(plan.lines())
    if rate:
        texts = chain.from_iterable(pace.at_rate(texts, rate))
    with writing(str(inbox)):
        written = deliver(texts, count=plan.number + (plan.header is not None), names=plan.names, inbox=inbox)
    if not written:
        typer.echo(f"{inbox} holds all {len(plan.names)} files of {plan.name} already: nothing written")
        return
    typer.echo(plan.said)
    typer.echo(f"{len(written)} files written to {inbox}: {written[0].name} ...")


def write_truth(groups: Iterable[tuple[str, str]], path: Path) -> None:
    """Who is in which group, as CSV."""
    rows = chain([("user", "group")], groups)
    with writing(str(path)):
        write_file((",".join(row).encode() for row in rows), path)


def write_pictures(pictures: Iterable[tuple[str, Sequence[str]]], folder: Path, *, seed: int) -> None:
    """The pictures of posts, those that are not there yet; before the posts, so that who reads these finds them."""
    with writing(str(folder)):
        count = picturing.write(pictures, folder, seed=seed)
    say(f"{count:,} pictures written to {folder}: MILLSTREAM_INTERESTS__PICTURES={folder} has them read")


def paced(events: Iterable[Replayed], rate: float | None, speedup: float | None) -> Iterator[list[Replayed]]:
    """Replayed events when they are due."""
    if speedup:
        return pace.in_time(replay_.in_time(events, speedup))
    return pace.at_rate(events, rate) if rate else pace.at_once(events)


def replay_to_file(chunks: Iterable[list[Replayed]], path: Path, inbox: Path) -> None:
    """One file into the inbox, as JSON lines, unless it is there already."""
    target = inbox / f"{path.name}.jsonl"
    if target.exists():
        say(f"{target} is there already: nothing written")
        return
    with writing(str(inbox)):
        inbox.mkdir(parents=True, exist_ok=True)
        write_file((event.value for event in chain.from_iterable(chunks)), target)
    say(f"{target} written")


@contextmanager
def writing(where: str) -> Iterator[None]:
    """Turn what the system says against writing there into one line; a reader that has gone away needs none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise TyperException(f"cannot write to {where}: {error.strerror}") from error


@contextmanager
def reading() -> Iterator[None]:
    """Turn what the system says against reading a file into one line."""
    try:
        yield
    except (OSError, EOFError) as error:
        raise TyperException(f"cannot read {getattr(error, 'filename', None) or 'a file'}: {error}") from error
