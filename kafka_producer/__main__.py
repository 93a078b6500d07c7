"""python -m kafka_producer VERB: the command line, the one place here that reads the clock, writes and prints."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from kafka_producer.dirt import summary, with_dirt
from kafka_producer.files import deliver, part_names
from kafka_producer.simulate import Simulation, good_events

EXAMPLE = "Example: python -m kafka_producer simulate --to files --inbox data/inbox"
DEFAULT = Simulation()

app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


class Target(StrEnum):
    """Where the events go."""

    FILES = "files"
    STDOUT = "stdout"


@app.callback()
def producer() -> None:
    """Produce events for Millstream to read."""


@app.command(epilog=EXAMPLE)
def simulate(
    to: Annotated[Target, typer.Option(help="Files of the inbox, or JSON lines on standard output.")],
    events: Annotated[
        int, typer.Option(help="Good events; lines sent twice and broken lines come on top.")
    ] = DEFAULT.events,
    users: Annotated[int, typer.Option(help="Users who buy.")] = DEFAULT.users,
    products: Annotated[int, typer.Option(help="Products in the catalogue.")] = DEFAULT.products,
    seed: Annotated[int, typer.Option(help="The same seed and sizes give the same bytes.")] = DEFAULT.seed,
    days: Annotated[int, typer.Option(help="Days that the events cover.")] = DEFAULT.days,
    until: Annotated[str, typer.Option(help="ISO-8601 end of the last day.")] = f"{DEFAULT.until:%Y-%m-%dT%H:%MZ}",
    inbox: Annotated[Path | None, typer.Option(file_okay=False, help="Folder for --to files; made if need be.")] = None,
    files: Annotated[int, typer.Option(help="How many files the events are spread over.")] = 10,
) -> None:
    """Simulate seeded sales: shoppers with hidden tastes, repeat purchases, returns, and a little dirt.

    A second call with the same numbers finds its files in the inbox and writes nothing.
    """
    if files < 1:
        raise typer.BadParameter(f"--files is {files}, expected 1 or more")
    if to is Target.FILES and inbox is None:
        raise typer.BadParameter("--to files needs --inbox DIR")
    if to is not Target.FILES and inbox:
        raise typer.BadParameter(f"--inbox {inbox} goes with --to files, not with --to {to}")
    simulation = requested(events=events, users=users, products=products, seed=seed, days=days, until=until)
    warn_of_future(simulation)
    if inbox is None:
        to_stdout(simulation)
    else:
        to_files(simulation, inbox=inbox, files=files)


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


def to_stdout(simulation: Simulation) -> None:
    """JSON lines; what they are is said on standard error."""
    out = sys.stdout.buffer
    with writing("standard output"):
        out.writelines(line.text.encode() + b"\n" for line in with_dirt(good_events(simulation), simulation))
        out.flush()
    say(str(summary(simulation)))


def to_files(simulation: Simulation, *, inbox: Path, files: int) -> None:
    """Files of the inbox, unless they are there already."""
    planned = summary(simulation)
    names = part_names(simulation.name, parts=min(files, planned.lines))
    lines = (line.text for line in with_dirt(good_events(simulation), simulation))
    with writing(str(inbox)):
        written = deliver(lines, count=planned.lines, names=names, inbox=inbox)
    if not written:
        typer.echo(f"{inbox} holds all {len(names)} files of {simulation.name} already: nothing written")
        return
    typer.echo(str(planned))
    typer.echo(f"{len(written)} files written to {inbox}: {written[0].name} ...")


@contextmanager
def writing(where: str) -> Iterator[None]:
    """Turn what the system says against writing there into one line; a reader that has gone away needs none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise TyperException(f"cannot write to {where}: {error.strerror}") from error


def say(text: str) -> None:
    """One line on standard error."""
    typer.echo(text, err=True)


def main() -> int:
    """The exit code: 0 done, 1 failed, 2 wrong usage; what went wrong is one line."""
    try:
        return app(prog_name="python -m kafka_producer", standalone_mode=False) or 0
    except TyperException as error:
        say(f"error: {' '.join(error.format_message().split())}")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
