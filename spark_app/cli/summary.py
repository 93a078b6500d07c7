"""What a run ends with: a table of what was read, the metrics beside their baselines, the files, and what to try."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from spark_app.generations import Generation
from spark_app.intake.offered import Refusal
from spark_app.running import progress
from spark_app.segmentation import DECIDES
from spark_app.settings import PREFIX, Settings, listed
from spark_app.status import Due
from spark_app.storage import ledger

if TYPE_CHECKING:
    # It brings Spark along, which verbs that show something do without.
    from spark_app.ingestion import Intake, Preview

_METRICS = {
    "ndcg_at_10": "NDCG@10",
    "recall_at_10": "recall@10",
    "precision_at_10": "precision@10",
    "map_at_10": "MAP@10",
    "hit_rate_at_10": "hit rate@10",
    "coverage": "coverage",
    "novelty": "novelty (bits)",
    "rmse": "RMSE",
}


def show(settings: Settings, published: Generation, intake: "Intake") -> None:
    """Print the end of a run."""
    metrics = published.metrics
    console = progress.console
    console.print()
    console.print(_events_table(ledger.counts(settings), intake))
    show_metrics(metrics["metrics"], metrics["baselines"])
    console.print(
        f"Generation {published.id}: {metrics['users']:,} users, {metrics['products']:,} products, "
        f"{metrics['interactions']:,} interactions",
        markup=False,
    )
    console.print(_files_table(settings))
    for line in _next_steps(settings, published):
        console.print(line, markup=False)


def show_metrics(metrics: Mapping[str, Any], baselines: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the metrics beside those of the baselines."""
    others = {name: values for name, values in baselines.items() if any(_number(values.get(key)) for key in _METRICS)}
    interval = metrics.get("ndcg_at_10_ci")
    judged = f"{metrics.get('users_judged', 0):,} users judged"
    title = judged + (f", NDCG@10 between {interval[0]:.4f} and {interval[1]:.4f}" if interval else "")
    table = Table("metric", "ours", *(name.replace("_", " ") for name in others), title=title, title_justify="left")
    for key, name in _METRICS.items():
        table.add_row(name, _number(metrics.get(key)), *(_number(values.get(key)) for values in others.values()))
    progress.console.print(table)
    for name, reason in metrics.get("reasons", {}).items():
        progress.console.print(f"{name}: undefined, because {reason}", markup=False)


def show_by_segment(found: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Print the metrics of `belonging.cut`; `told` is the summary of the segments, which names them."""
    labels = {str(one["segment"]): one["label"] for one in told["segments"].get(DECIDES, [])}
    table = Table("segment", "label", "users judged", "NDCG@10", "popular", title_justify="left")
    table.title = f"by segment ({found['features']}, {found['id']})"
    for name, values in found.items():
        if isinstance(values, Mapping):
            numbers = (_number(values["ndcg_at_10"]), _number(values["popular"]))
            table.add_row(name, progress.plain(labels.get(name, "")), f"{values['users_judged']:,}", *numbers)
    progress.console.print(table)
    progress.console.print("segments are made of all events, those of the hold-out too: they only cut the mean")


def show_preview(preview: "Preview") -> None:
    """Print what a dry run found."""
    console = progress.console
    for path, layout in preview.layouts.items():
        console.print(f"{path}: {layout}", markup=False)
    for row in preview.rows:
        console.print(record(row), markup=False)
    warn_of(preview.intake)
    counts = ", ".join(f"{number:,} {reason}" for reason, number in sorted(preview.counts.items()))
    console.print(f"{sum(preview.counts.values()):,} records: {counts or 'none'}. Nothing was written.", markup=False)


def record(row: Mapping[str, Any]) -> str:
    """One judged record in a line."""
    if row.get("reason"):
        raw = bytes(row.get("value") or b"").decode(errors="replace")
        return f"  {row['reason']}: {raw[:160]!r} ({row['partition']}, {row['position']})"
    when = row["occurred_at"].isoformat(sep=" ", timespec="seconds")
    what = f"{row['event_type']} {row['quantity']:g} x {row['product']}"
    return f"  {when}  {row['user']}  {what}"


def taken(intake: "Intake") -> str:
    """What was taken in, in one line."""
    rejected = sum(intake.rejected.values())
    return (
        f"{intake.read:,} read = {intake.accepted:,} accepted + {intake.duplicates:,} duplicates "
        f"+ {rejected:,} rejected"
    )


def warn_of(intake: "Intake") -> None:
    """One line for each file that was refused, and one for those that were passed over."""
    warn_of_refused(intake.refused)
    if intake.passed_over:
        names = ", ".join(Path(path).name for path in intake.passed_over[:5])
        more = f" and {len(intake.passed_over) - 5} more" if len(intake.passed_over) > 5 else ""
        progress.warn(f"passed over {names}{more}: neither .csv nor .json, .jsonl, .ndjson (.gz allowed)")


def warn_of_refused(refused: Sequence[Refusal]) -> None:
    """One line for each."""
    for refusal in refused:
        progress.warn(f"refused {refusal.path}: {refusal.reason}")


def not_due(due: Due) -> str:
    """Why nothing is trained; before the first generation also the three ways on."""
    if not due.first:
        return f"nothing to train: {due_in_words(due)}; the published generation stands"
    return (
        f"not enough to train: {due_in_words(due)}. Three ways on: more data, a lower threshold "
        f"({PREFIX}TRAIN_THRESHOLD={max(due.new, 1)}), or --now"
    )


def due_in_words(due: Due) -> str:
    """1,240 of 5,000 new events, 3,760 missing."""
    missing = f", {due.missing:,} missing" if due.missing else ""
    return f"{due.new:,} of {due.threshold:,} new events{missing}"


def _events_table(counts: ledger.Counts, intake: "Intake") -> Table:
    table = Table("events", "this run", "in all", title_justify="left")
    for name in ("read", "accepted", "duplicates"):
        table.add_row(name, f"{getattr(intake, name):,}", f"{getattr(counts, name):,}")
    for reason, number in counts.rejected.items():
        table.add_row(f"rejected: {reason}", f"{intake.rejected.get(reason, 0):,}", f"{number:,}")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _files_table(settings: Settings) -> Table:
    results = settings.results_dir
    table = Table("file", "size", title=f"Files in {settings.told(results)}", title_justify="left")
    table.columns[1].justify = "right"
    for path in sorted(results.iterdir()):
        if path.name != "README.md" and not path.name.startswith("."):
            table.add_row(path.name, f"{_size(path) / 1024:,.0f} kB")
    return table


def _size(path: Path) -> int:
    return sum(part.stat().st_size for part in path.rglob("*")) if path.is_dir() else path.stat().st_size


def _next_steps(settings: Settings, published: Generation) -> list[str]:
    """Three lines to copy."""
    command = f"{_environment(settings)}{_python()} -m spark_app"
    busiest = published.manifest.get("busiest_user")
    return [
        "",
        f"  the busiest user's list:  {command} recommend {shlex.quote(str(busiest))}",
        f"  the pictures:             ls {settings.told(settings.results_dir)}/*.png",
        "  your own sales next:      make run INPUT=path/to/files",
    ]


def _environment(settings: Settings) -> str:
    """The settings that a copied line needs to find the same data."""
    given = {name: value for name, value, _, origin, _ in listed(settings) if origin != "default"}
    wanted = f"{PREFIX}DATA_DIR"
    return f"{wanted}={shlex.quote(given[wanted])} " if wanted in given else ""


def _python() -> str:
    """The running Python, the short way from here."""
    program = Path(sys.executable)
    return str(program.relative_to(Path.cwd())) if program.is_relative_to(Path.cwd()) else str(program)


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, (int, float)) else ""
