"""Verbs that check: settings and doctor."""

from typing import Annotated

import typer
from rich.table import Table

from spark_app import configuration, locks
from spark_app import doctor as doctor_
from spark_app.running import java, progress
from spark_app.settings import PREFIX, Settings, WrongSettingError, listed, load
from spark_app.storage import checkpoints

FAILED = 1

InstallJava = Annotated[bool, typer.Option("--install-java", help="Install Java with apt when there is none.")]
Repair = Annotated[bool, typer.Option("--repair", help="Set damaged checkpoints aside; their streams begin anew.")]
Quick = Annotated[bool, typer.Option("--quick", help="Do not start Spark.")]


def add_to(app: typer.Typer) -> None:
    """Give the verbs to the command line."""
    for verb in (settings, doctor):
        app.command()(verb)


def settings(
    name: Annotated[str | None, typer.Argument(help="Print only the value of this one, such as data_dir.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/configuration.md instead.")] = False,
) -> None:
    """List every setting: its value, its default, where it comes from, what it means.

    Example: python -m spark_app settings data_dir
    """
    if markdown:
        typer.echo(configuration.page(), nl=False)
        return
    rows = listed(load())
    if name is not None:
        typer.echo(_value(rows, name))
        return
    table = Table("setting", "value", "default", "from", "meaning")
    for row in rows:
        table.add_row(*map(progress.plain, row))
    progress.console.print(table)


def doctor(
    install_java: InstallJava = False,
    repair: Repair = False,
    quick: Quick = False,
) -> None:
    """Look at Java, memory, folders, disk, checkpoints, ports and Spark's packages, and say what to do.

    Example: python -m spark_app doctor --quick
    """
    if install_java:
        _ensure_java()
    if repair:
        _repair(load())
    if install_java or repair:
        return
    findings = []
    for finding in doctor_.look(load(), start_spark=not quick):
        findings.append(finding)
        mark = "ok  " if finding.is_well else "FAIL"
        advice = "" if finding.is_well else f"\n       {finding.remedy}"
        progress.console.print(f"{mark} {finding.name:<15} {finding.found}{advice}", markup=False)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(FAILED)


def _repair(settings: Settings) -> None:
    folder, known = settings.data_dir / "checkpoints", [settings.kafka.source]
    with locks.held(settings, locks.INGEST, "doctor --repair"):
        said = checkpoints.repair(folder, known, checkpoints.kept_in(settings))
    for line in said or ["every checkpoint is whole; nothing was changed"]:
        progress.console.print(line, markup=False)


def _ensure_java() -> None:
    try:
        home = java.home()
    except java.NoJavaError:
        if not java.may_install():
            raise
        progress.console.print(f"no usable Java: installing one ({java.APT_LINE})", markup=False)
        home = java.install()
    progress.console.print(f"Java: {home}", markup=False)


def _value(rows: list[tuple[str, str, str, str, str]], name: str) -> str:
    wanted = PREFIX + name.upper().removeprefix(PREFIX)
    for variable, value, *_ in rows:
        if variable == wanted:
            return value
    raise WrongSettingError(f"{wanted} is not a setting; `python -m spark_app settings` lists all")
