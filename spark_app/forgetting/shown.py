"""The results folder, and files that were logged with MLflow on this machine: rows of a user go from each file.

Pictures that draw single users are deleted; `draw` makes them anew. The seal of a set of files is removed before the
first of them changes, and written again last, so that nobody takes a half for the whole.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spark_app import generations
from spark_app.forgetting import copies
from spark_app.forgetting.copies import Who
from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Renamed, Whom
from spark_app.running import failpoints
from spark_app.settings import Settings
from spark_app.storage import disk

SEALS = ("metrics.json", "segments.json", "interests.json")
# What they draw are users, by their ids or as points.
PICTURES = (
    "recommendation_graph.png", "recommendation_graph.html", "clusters.png", "dendrogram.png", "interests.png",
)  # fmt: skip
_LOGGED, _EMBEDDED = "mlflow", "sqlite"
_KINDS = (".csv", ".parquet", ".arrow", ".json")


def remove(settings: Settings, whom: Whom, receipt: Receipt, names: Mapping[str, str]) -> None:
    """Rewrite the files; `names` says what generations and kept folders that were replaced are called now.

    Whoever calls holds the lock of the results.
    """
    results, logged = settings.results_dir, settings.data_dir / _LOGGED
    if results.exists():
        _results(settings, results, Who(whom, names=names), receipt)
    if logged.exists():
        _delete_models(logged, settings.data_dir, Who(whom), receipt)
        for aside, path, number in _prepared(logged, Who(whom)):
            receipt.remove(str(path.relative_to(settings.data_dir)), number)
            disk.take_place(aside, path)
        _delete_pictures(logged, settings.data_dir, receipt)
    if settings.mlflow_uri and settings.mlflow_uri.get_secret_value() != _EMBEDDED:
        receipt.note(receipt.left, "what an MLflow server keeps: delete the runs and the models there")


def _results(settings: Settings, results: Path, who: Who, receipt: Receipt) -> None:
    for staged in results.glob(".stag*"):
        shutil.rmtree(staged)
    before = {name: _read(results, name) for name in SEALS}
    now = {name: _sealed(settings, name, said, who) for name, said in before.items() if said}
    ready = _prepared(results, who)
    # What a seal says is kept aside as long as it is not there.
    for name, said in now.items() if ready else ():
        generations.write_json(_aside(results, name), said)
        (results / name).unlink(missing_ok=True)
    disk.sync(results)
    for aside, path, number in ready:
        receipt.remove(f"{results.name}/{path.relative_to(results)}", number)
        disk.take_place(aside, path)
        failpoints.reach("forget_mid_results")
    if receipt.held or receipt.again:
        _delete_pictures(results, results.parent, receipt)
    for name, said in now.items():
        if said != before[name] or not (results / name).exists():
            receipt.note(receipt.rewritten, f"{results.name}/{name}")
            generations.write_json(results / name, said)
        _aside(results, name).unlink(missing_ok=True)


def _aside(results: Path, name: str) -> Path:
    return results / f".{name}.sealed"


def _read(results: Path, name: str) -> dict[str, Any]:
    """What a seal says, or said before a run that was killed; nothing where there is none."""
    for path in (results / name, _aside(results, name)):
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
    return {}


def _sealed(settings: Settings, name: str, said: dict[str, Any], who: Who) -> dict[str, Any]:
    """What a seal says now: the new name of its generation, and the counts of that."""
    now: dict[str, Any] = Renamed(who.whom.user, who.names).of(said)
    found = next((one for one in generations.listed(settings) if one.id == now.get("generation")), None)
    if name == SEALS[0] and found is not None:
        now |= {count: value for count, value in found.metrics.items() if count in ("users", "interactions")}
    return now


def _prepared(home: Path, who: Who) -> list[tuple[Path, Path, int]]:
    """(what is to take its place, the file, the rows that went) of each file that holds the user."""
    seals = {home / name for name in SEALS}
    paths = (path for path in sorted(home.rglob("*")) if path.suffix in _KINDS and path.name[0] != ".")
    found = ((path, *copies.prepared(path, who)) for path in paths if path.is_file() and path not in seals)
    return [(aside, path, number) for path, aside, number in found if number]


def _delete_models(home: Path, below: Path, who: Who, receipt: Receipt) -> None:
    """Logged models that know the user: their vectors and examples are of users by their places."""
    for path in sorted(home.rglob("MLmodel")):
        if any(copies.number_in(part, who) for part in path.parent.rglob("*.parquet")):
            receipt.note(receipt.deleted, str(path.parent.relative_to(below)))
            shutil.rmtree(path.parent)


def _delete_pictures(home: Path, below: Path, receipt: Receipt) -> None:
    for path in sorted(path for name in PICTURES for path in home.rglob(name)):
        receipt.note(receipt.deleted, str(path.relative_to(below)))
        path.unlink()
