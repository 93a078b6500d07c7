"""What lists are worth: every algorithm on every data set, on the same judged users, with intervals.

    python -m benchmarks.quality [--data FOLDER] [--only NAME ...] [--models TEXT ...] [--repeats]

Real data lie in a folder with `online_retail` and `movietweetings` in it; without it, only simulated shops with known
tastes are judged: the last has taste, trend and season of its own and was looked at by nobody while defaults were
decided. Judged as docs/model.md says: fitted before the cut at 80 % of the positive events, lists of ten, NDCG@10.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyspark
from pyspark.sql import SparkSession

from benchmarks import beside
from spark_app import ingestion
from spark_app.decisive import changed
from spark_app.fitting import making
from spark_app.fitting.judging import Judgement
from spark_app.fitting.making import Parents
from spark_app.frames import held
from spark_app.running import progress
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.settings import Settings
from spark_app.storage import tables
from spark_app.tuning import choice

NOBODY = Parents(None, None)
# name -> files below the data folder.
REAL = {"online_retail": "online_retail", "movietweetings": "movietweetings/ratings.csv.gz"}
# Simulated shops, by the arguments of `kafka_producer simulate`.
SIMULATED = {
    "simulated": {"events": 60_000, "users": 2000, "products": 600, "seed": 5},
    "simulated, unseen": {"events": 80_000, "users": 3000, "products": 900, "seed": 2026},
    "simulated, last": {"events": 70_000, "users": 2500, "products": 700, "seed": 77},
}
# What each default is held against.
EQUAL = dict.fromkeys(EVENT_WEIGHTS, 5.0) | {"remove_from_cart": -5.0}
ALONE: dict[str, dict[str, Any]] = {
    "popular": {"algorithm": "popular"},
    "recently popular, 14 days": {"algorithm": "recent"},
    "neighbours, cosine": {"algorithm": "cosine"},
    "neighbours, BM25": {"algorithm": "bm25"},
    "ALS": {"algorithm": "als"},
    "ALS, log strength": {"algorithm": "als", "strength": "log"},
    "ALS, half-life 120 days": {"algorithm": "als", "half_life_days": 120.0},
    "ALS, half-life 30 days": {"algorithm": "als", "half_life_days": 30.0},
    "ALS, half-life 30 days, alpha 4": {"algorithm": "als", "half_life_days": 30.0, "als.alpha": 4.0},
    "ALS, 32 factors": {"algorithm": "als", "als.factors": 32},
    "ALS, 128 factors": {"algorithm": "als", "als.factors": 128},
    "ALS, regularisation 0.03": {"algorithm": "als", "als.regularization": 0.03},
    "ALS, regularisation 0.3": {"algorithm": "als", "als.regularization": 0.3},
    "ALS, regularisation 1": {"algorithm": "als", "als.regularization": 1.0},
    "ALS, 32 factors, regularisation 0.3": {"algorithm": "als", "als.factors": 32, "als.regularization": 0.3},
    "ALS, 20 iterations": {"algorithm": "als", "als.iterations": 20},
    "ALS, all event types count alike": {"algorithm": "als", "weights": EQUAL},
    "ALS, purchases and ratings alone": {"algorithm": "als", "weights": EQUAL | {"view": 0.0, "cart": 0.0}},
    "neighbours, BM25, 10 kept": {"algorithm": "bm25", "neighbours.k": 10},
    "neighbours, BM25, 50 kept": {"algorithm": "bm25", "neighbours.k": 50},
    "ALS + 0.1 popularity, 14 days": {"algorithm": "blend", "blend.popularity_weight": 0.1},
    "ALS + 0.3 popularity, 14 days": {"algorithm": "blend"},
    "ALS + 0.3 popularity, no decay": {"algorithm": "blend", "popularity_half_life_days": 0.0},
    "ALS + 1 popularity, 14 days": {"algorithm": "blend", "blend.popularity_weight": 1.0},
    "ALS + 1 BM25": {"algorithm": "blend", "blend.popularity_weight": 0.0, "blend.neighbours_weight": 1.0},
    "defaults (auto)": {},
}
REPEATS: dict[str, dict[str, Any]] = {
    "repeats: popular": {"algorithm": "popular", "seen": "always"},
    "repeats: neighbours, BM25": {"algorithm": "bm25", "seen": "always"},
    "repeats: ALS": {"algorithm": "als", "seen": "always"},
    "repeats: ALS, half-life 30 days, alpha 4": {
        "algorithm": "als", "half_life_days": 30.0, "als.alpha": 4.0, "seen": "always",
    },
    "repeats: defaults (auto)": {"seen": "always"},
}  # fmt: skip


class Row(NamedTuple):
    """One line of the table."""

    data: str
    name: str
    judgement: Judgement
    chosen: str


def main() -> None:
    """Judge all that was asked for, and print the table."""
    arguments = _arguments()
    with beside.at_work("quality") as (spark, settings):
        rows = list(_judged(spark, settings, settings.data_dir.parent, arguments))
    _print(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parent.parent.parent / "shared" / "data")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="data sets; default: all that are there")
    parser.add_argument(
        "--models", nargs="+", default=[""], metavar="TEXT", help="models whose name holds one of these"
    )
    parser.add_argument("--repeats", action="store_true", help="also with products that a user has met")
    return parser.parse_args()


def _judged(spark: SparkSession, settings: Settings, home: Path, asked: argparse.Namespace) -> Iterator[Row]:
    for name, files in shops(home, asked.data):
        if asked.only and name not in asked.only:
            continue
        own = settings.model_copy(update={"data_dir": home / name.replace(" ", "_")})
        ingestion.take_files(spark, own, files())
        models = ALONE | REPEATS if asked.repeats and name == "online_retail" else ALONE
        for label, changes in models.items():
            if not any(text in label for text in asked.models):
                continue
            row = _row(spark, changed(own, changes), name, label)
            print(_line(row), flush=True)
            yield row


def shops(home: Path, data: Path) -> Iterator[tuple[str, Callable[[], Path]]]:
    """(name, what gives its files)."""
    for name, path in REAL.items():
        if (data / path).exists():
            yield name, partial(Path, data, path)
        else:
            progress.warn(f"{name} is not in {data}: left out")
    for name, words in SIMULATED.items():
        yield name, partial(_simulate, home / f"inbox-{name.replace(' ', '_')}", words)


def _simulate(inbox: Path, words: dict[str, int]) -> Path:
    options = [str(word) for key, value in words.items() for word in (f"--{key}", value)]
    command = [sys.executable, "-m", "kafka_producer", "simulate", "--to", "files", "--inbox", str(inbox), *options]
    subprocess.run(command, check=True, capture_output=True)
    return inbox


def _row(spark: SparkSession, settings: Settings, data: str, label: str) -> Row:
    with held.released():
        settled, judgement = making.judged(spark, settings, tables.version(settings), NOBODY)
    return Row(data, label, judgement, choice.in_words(settled))


def _line(row: Row) -> str:
    metrics = row.judgement.metrics
    low, high = metrics["ndcg_at_10_ci"]
    return (
        f"| {row.data} | {row.name} | {metrics['ndcg_at_10']:.4f} | {low:.4f} to {high:.4f} | "
        f"{metrics['coverage']:.2f} | {metrics['users_judged']:,} | {row.chosen} |"
    )


def _print(rows: list[Row]) -> None:
    where = f"{platform.platform()}, {os.cpu_count()} cores, Spark {pyspark.__version__}"
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {where}\n")
    print("| data | model | NDCG@10 | interval | coverage | judged | made of |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(_line(row) for row in rows))


if __name__ == "__main__":
    main()
