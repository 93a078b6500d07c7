"""What more cores, workers, events and users do to seconds and memory; prints the tables that docs/scale.md is to hold.

    python -m benchmarks.scaling [--only cores workers events users] [--rounds 3] [--growth N...]
                                [--crowds N...] [--small]

`cores`: ingest, training and top-N on one core and on two, each program held to as many cores of the machine as it has.
`workers`: the same on a standalone cluster of one worker and of two, one core each; the driver is one process more, so
that on a machine of two cores the second worker shares one with it. Efficiency is the seconds of one, divided by twice
those of two. `events`: the verb `ingest` on more and more events; benchmarks.run has the whole run. `users`: what
`train`, by ALS with 64 factors, holds in the driver while a worker does the work. Each is a process of its own; memory
of Python and of Java below it are looked at apart. With --small it is little, to see that it runs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks import beside, long_tail, standalone
from benchmarks.run import Run, resident, watched
from kafka_producer.files import deliver, part_names
from kafka_producer.simulate import Simulation, encode, good_events
from spark_app import ingestion, recommendations, session
from spark_app.blocks import Als, Spark
from spark_app.frames import held
from spark_app.models import Model, als
from spark_app.running.preflight import GIGABYTE
from spark_app.settings import Settings

WHAT = ("cores", "workers", "events", "users")
STEPS = ("ingest", "training", "top-N")
FACTORS = 64
# One way to cut the work, whoever does it.
PIECES = 4


class Sizes(NamedTuple):
    """How much of everything; `growth` are events, `crowds` users of four events each."""

    events: int = 1_000_000
    users: int = 138_000
    products: int = 27_000
    pairs: int = 3_000_000
    growth: tuple[int, ...] = (1_000_000, 3_000_000, 10_000_000)
    crowds: tuple[int, ...] = (50_000, 150_000, 400_000)


SMALL = Sizes(20_000, 2_000, 500, 40_000, (5_000, 20_000), (1_000, 4_000))


def main() -> None:
    """Measure what was asked for, and print a table of each."""
    asked = arguments()
    sizes = SMALL if asked.small else Sizes()
    if asked.master:
        print(json.dumps(measured(asked.master, asked.home, sizes, asked.workers)))
        return
    with tempfile.TemporaryDirectory() as home:
        for what in asked.only:
            if what in ("cores", "workers"):
                efficiency(what, Path(home), sizes, asked)
            elif what == "events":
                growth(Path(home), asked.growth or sizes.growth)
            else:
                crowds(Path(home), asked.crowds or sizes.crowds)
    beside.machine()


def efficiency(what: str, home: Path, sizes: Sizes, asked: argparse.Namespace) -> None:
    """The three steps by one and by two, in turns."""
    prepare(home, sizes)
    seconds: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for turn in range(asked.rounds):
        for number, found in seconds.items():
            place = home / f"{what}{number}-{turn}"
            place.mkdir()
            found.append(on_cores(place, number, asked) if what == "cores" else on_workers(place, number, asked))
            print(f"  {number} {what}: {found[-1]}", file=sys.stderr, flush=True)
    one, two = ({step: statistics.median(run[step] for run in runs) for step in STEPS} for runs in seconds.values())
    rows = [[step, f"{one[step]:.1f}", f"{two[step]:.1f}", f"{one[step] / 2 / two[step]:.2f}"] for step in STEPS]
    show(["", f"1 of the {what}, s", "2, s", "efficiency"], rows)


def on_cores(home: Path, number: int, asked: argparse.Namespace) -> dict[str, float]:
    """By a program that has so many cores and no more."""
    return apart(f"local[{number}]", home, asked, number)


def on_workers(home: Path, number: int, asked: argparse.Namespace) -> dict[str, float]:
    """By so many workers of one core."""
    with standalone.cluster(home, workers=number, memory="3g") as found:
        return apart(found.master, home, asked, number)


def apart(master: str, home: Path, asked: argparse.Namespace, number: int) -> dict[str, float]:
    """`measured`, in a process of its own."""
    words = ["--master", master, "--home", str(home), "--workers", str(number), *(["--small"] if asked.small else [])]
    command = [sys.executable, "-m", "benchmarks.scaling", *words]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(said.splitlines()[-1]))


def measured(master: str, home: Path, sizes: Sizes, number: int) -> dict[str, float]:
    """Seconds of each step, after a short one that Java and Numba compile for."""
    if master.startswith("local"):
        # Java takes it over, and with it each of its threads.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])
    spark_ = Spark(master=master, shuffle_partitions=PIECES, als_blocks=2, driver_memory="3g", executor_memory="3g")
    settings = Settings(_env_file=None, data_dir=home / "data", results_dir=home / "results", spark=spark_)
    spark = session.start(settings, app="benchmark-scaling")
    try:
        while not master.startswith("local") and session.heap(spark, settings) < number * 3 * GIGABYTE:
            time.sleep(0.1)
        return steps(spark, settings, home.parent, sizes)
    finally:
        session.stop(spark)


def steps(spark: SparkSession, settings: Settings, given: Path, sizes: Sizes) -> dict[str, float]:
    """Of what `prepare` has put there: files taken in, a fit of five iterations, lists for all, thrown away."""
    ingestion.take_files(spark, settings, given / "warm")
    ingest, intake = beside.clocked(lambda: ingestion.take_files(spark, settings, given / "inbox"))
    if intake.accepted != sizes.events:
        raise RuntimeError(f"{intake.accepted:,} events were accepted, expected {sizes.events:,}")
    with held.released():
        pairs = spark.read.parquet(str(given / "pairs")).repartition(PIECES).transform(held.hold)
        pairs.count()
        fit(pairs.filter("userId % 50 = 0"), 2)
        training, model = beside.clocked(lambda: fit(pairs, 5))
        people, index = (named(pairs, kind).transform(held.hold) for kind in ("user", "product"))
        people.count(), index.count()
        products = recommendations.catalogue(model, index)

        def lists(users: DataFrame) -> None:
            found = recommendations.top_n(model, users, pairs, products, n=10)
            found.write.format("noop").mode("overwrite").save()

        lists(people.filter("userId % 50 = 0"))
        top_n, _ = beside.clocked(lambda: lists(people))
    return {"ingest": round(ingest, 2), "training": round(training, 2), "top-N": round(top_n, 2)}


def fit(pairs: DataFrame, iterations: int) -> Model:
    """By MLlib."""
    model = als.fit_implicit(pairs, Als(factors=FACTORS, iterations=iterations), 7)
    model.users.count()
    return model


def named(pairs: DataFrame, kind: str) -> DataFrame:
    """(user, userId) or (product, productId) of all that occur."""
    key = F.col(f"{kind}Id")
    return pairs.select(key).distinct().select(F.format_string("%08d", key).alias(kind), key)


def prepare(home: Path, sizes: Sizes) -> None:
    """What all measured processes read: files of events, and pairs."""
    if (home / "pairs").exists():
        return
    simulated(home / "warm", max(1_000, sizes.events // 20), sizes.users, sizes.products, seed=3)
    simulated(home / "inbox", sizes.events, sizes.users, sizes.products, seed=7)
    beside.write_pairs(long_tail.simulated(sizes.users, sizes.products, sizes.pairs, 7), home / "pairs")


def simulated(folder: Path, events: int, users: int, products: int, seed: int = 7) -> None:
    """Good events alone, in files of 25,000."""
    simulation = Simulation(events=events, users=users, products=products, seed=seed)
    names = part_names(simulation.name, parts=max(1, events // 25_000))
    deliver((f"{encode(one)}\n" for one in good_events(simulation)), count=events, names=names, inbox=folder)


def growth(home: Path, counts: Iterable[int]) -> None:
    """`ingest` on more and more events: a twentieth as many users, and products by the root, as in benchmarks.run."""
    rows: list[list[str]] = []
    for events in counts:
        place = home / f"events{events}"
        simulated(place / "data" / "inbox", events, events // 20, max(500, int(events**0.5 * 2)))
        most = {"Python": 0, "Java": 0}
        seconds = verb(place, "ingest", used=looking(most)).phases["ingest"]
        rows.append([f"{events:,}", f"{seconds:.0f} s", f"{events / seconds:,.0f}", *map(gigabytes, most.values())])
        print(f"  {rows[-1]}", file=sys.stderr, flush=True)
    show(["events", "ingest", "events/s", "Python", "Java (heap of 4 GB)"], rows)


def crowds(home: Path, counts: Iterable[int]) -> None:
    """What `train` holds in the driver of more and more users, who are recommended 2,000 products.

    It is the second training: the first one gives popularity's lists where they are better.
    """
    rows: list[list[str]] = []
    before: tuple[int, int] | None = None
    for users in counts:
        place, learnt = home / f"users{users}", {"ALGORITHM": "als", "ALS__FACTORS": str(FACTORS)}
        simulated(place / "data" / "inbox", 5_000, 500, 500, seed=3)
        verb(place, "run", "--now", used=None, **learnt)
        simulated(place / "data" / "inbox", 4 * users, users, 2_000)
        verb(place, "ingest")
        most = {"Python": 0, "Java": 0}
        with standalone.cluster(place, memory="4g") as found:
            told = {"MASTER": found.master, "SPARK__DRIVER_MEMORY": "2g", "SPARK__EXECUTOR_MEMORY": "4g"}
            verb(place, "train", "--now", "--force", used=looking(most), **told, **learnt)
        each = f"{(most['Python'] - before[1]) / (users - before[0]):,.0f} B" if before else ""
        rows.append([f"{users:,}", *map(gigabytes, most.values()), each])
        print(f"  {rows[-1]}", file=sys.stderr, flush=True)
        before = users, most["Python"]
    factors = f"Python, a user more (a vector: {4 * FACTORS} B)"
    show(["users", "driver, Python", "driver, Java (heap of 2 GB)", factors], rows)


def gigabytes(number: int) -> str:
    """0.34 GB."""
    return f"{number / GIGABYTE:.2f} GB"


def looking(most: dict[str, int]) -> Callable[[int], int]:
    """What keeps in `most` the bytes that a process and, below it, Java and all else hold; gives those of all."""

    def look(process: int) -> int:
        whole, (own, mapped) = resident(process), of_itself(process)
        # What is mapped from files is given back when it is needed.
        most["Python"], most["Java"] = max(most["Python"], own - mapped), max(most["Java"], whole - own)
        return whole

    return look


def verb(place: Path, *words: str, used: Callable[[int], int] | None = None, **told: str) -> Run:
    """A verb of the program on a data folder."""
    folders = {"DATA_DIR": str(place / "data"), "RESULTS_DIR": str(place / "results")}
    environment = {f"MILLSTREAM_{name}": value for name, value in (folders | told).items()}
    return watched(["spark_app", *words], environment, used)


def of_itself(process: int) -> tuple[int, int]:
    """Bytes that a process holds without those below it, and how many of them are mapped; none when it has ended."""
    try:
        _, held, mapped = map(int, Path(f"/proc/{process}/statm").read_text().split()[:3])
    except (OSError, ValueError):
        return 0, 0
    return held * os.sysconf("SC_PAGE_SIZE"), mapped * os.sysconf("SC_PAGE_SIZE")


def show(head: list[str], rows: list[list[str]]) -> None:
    """A table as the docs have it."""
    lines = [head, ["---"] * len(head), *rows]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n", flush=True)


def arguments() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=WHAT, default=list(WHAT))
    parser.add_argument("--rounds", type=int, default=3, help="of cores and workers; the median counts")
    parser.add_argument("--growth", nargs="+", type=int, help="events, in place of 1, 3 and 10 million")
    parser.add_argument("--crowds", nargs="+", type=int, help="users, in place of 50, 150 and 400 thousand")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--master", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
