"""The verbs simulate, replay and demo: what was asked for is checked, and done.

Here the clock is read and lines are printed.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from kafka_producer import demo as demo_
from kafka_producer import pace
from kafka_producer import replay as replay_
from kafka_producer.delivery import as_message, simulated, to_topic
from kafka_producer.dirt import Line, summary, with_dirt
from kafka_producer.files import deliver, part_names
from kafka_producer.files import write as write_file
from kafka_producer.progress import say
from kafka_producer.replay import Replayed
from kafka_producer.simulate import Simulation, good_events
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
    to: Annotated[Target, typer.Option(help="The topic, files of the inbox, or JSON lines on standard output.")],
    events: Annotated[
        int, typer.Option(help="Good events; lines sent twice and broken lines come on top.")
    ] = DEFAULT.events,
    users: Annotated[int, typer.Option(help="Users who buy.")] = DEFAULT.users,
    products: Annotated[int, typer.Option(help="Products in the catalogue.")] = DEFAULT.products,
    seed: Annotated[int, typer.Option(help="The same seed and sizes give the same bytes.")] = DEFAULT.seed,
    days: Annotated[int, typer.Option(help="Days that the events cover.")] = DEFAULT.days,
    until: Annotated[str, typer.Option(help="ISO-8601 end of the last day.")] = f"{DEFAULT.until:%Y-%m-%dT%H:%MZ}",
    inbox: Inbox = None,
    files: Annotated[int, typer.Option(help="How many files the events are spread over.")] = 10,
    rate: Rate = None,
) -> None:
    """Simulate seeded sales: shoppers with hidden tastes, repeat purchases, returns, and a little dirt.

    A second call with the same numbers finds its files in the inbox and writes nothing.
    """
    if files < 1:
        raise typer.BadParameter(f"--files is {files}, expected 1 or more")
    check(to=to, inbox=inbox, rate=rate)
    simulation = requested(events=events, users=users, products=products, seed=seed, days=days, until=until)
    warn_of_future(simulation)
    if to is Target.KAFKA:
        to_topic(simulated(simulation, rate), load().kafka, name="simulate", total=summary(simulation).lines)
        say(str(summary(simulation)))
    elif inbox is None:
        to_stdout(simulation, rate)
    else:
        to_files(simulation, inbox=inbox, files=files, rate=rate)


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


def requested(*, until: str, **numbers: int) -> Simulation:
    """The simulation that was asked for; a usage error names the option that cannot be."""
    try:
        end = datetime.fromisoformat(until)
    except ValueError:
        raise typer.BadParameter(f"--until is {until!r}, expected a date such as 2026-10-31T00:00Z") from None
    try:
        return Simulation(until=in_utc(end), **numbers)
    except ValueError as error:
        raise typer.BadParameter(f"--{error}") from error


def in_utc(time: datetime) -> datetime:
    """The same instant in UTC, which is also meant where no zone is given."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def warn_of_future(simulation: Simulation) -> None:
    """Millstream refuses events that are more than a day ahead of the clock."""
    if simulation.until > datetime.now(UTC) + timedelta(days=1):
        say(
            f"note: --until {simulation.until:%Y-%m-%d} is ahead of this machine's clock: later events will be rejected"
        )


def to_stdout(simulation: Simulation, rate: float | None) -> None:
    """JSON lines; what they are is said on standard error."""
    out = sys.stdout.buffer
    lines = with_dirt(good_events(simulation), simulation)
    with writing("standard output"):
        for chunk in pace.at_rate(lines, rate) if rate else pace.at_once(lines):
            out.writelines(line.text.encode() + b"\n" for line in chunk)
            out.flush()
    say(str(summary(simulation)))


def to_files(simulation: Simulation, *, inbox: Path, files: int, rate: float | None) -> None:
    """Files of the inbox, unless they are there already."""
    planned = summary(simulation)
    names = part_names(simulation.name, parts=min(files, planned.lines))
    lines: Iterable[Line] = with_dirt(good_events(simulation), simulation)
    if rate:
        lines = chain.from_iterable(pace.at_rate(lines, rate))
    with writing(str(inbox)):
        written = deliver((line.text for line in lines), count=planned.lines, names=names, inbox=inbox)
    if not written:
        typer.echo(f"{inbox} holds all {len(names)} files of {simulation.name} already: nothing written")
        return
    typer.echo(str(planned))
    typer.echo(f"{len(written)} files written to {inbox}: {written[0].name} ...")


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
