"""The verb `interests` on planted posts, from the event table to the files in results/, phase by phase.

    python -m benchmarks.interests_verb [--users 5000] [--topics 20] [--rounds 1]

The posts are ingested first. `groups` is the model, of 20,000 users at the most; all else is Spark: to start, to read
what users have posted, to place everyone, to tell of the groups, and to write the files and the picture.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import beside
from benchmarks.planted import Posts, planted
from benchmarks.run import show, watched
from spark_app.grouping import comparing

SEED = 7


def main() -> None:
    """Plant, ingest, and run the verb as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--topics", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), Posts(users=asked.users, topics=asked.topics, seed=SEED), asked.rounds)
    beside.machine()


def measure(home: Path, posts: Posts, rounds: int) -> None:
    """One row for each user, in the posts layout."""
    made = planted(posts)
    with (home / "posts.csv").open("w", newline="", encoding="utf-8") as file:
        rows = ((f"u{at:06d}", text) for at, text in enumerate(made.texts))
        csv.writer(file).writerows([("user", "post_text"), *rows])
    folders = {"MILLSTREAM_DATA_DIR": str(home / "data"), "MILLSTREAM_RESULTS_DIR": str(home / "results")}
    show("ingest", watched(["spark_app", "ingest", "--input", str(home / "posts.csv")], folders))
    for _ in range(rounds):
        show(f"interests, {posts.users:,} users", watched(["spark_app", "interests"], folders))
    with (home / "results" / "interests.csv").open(newline="", encoding="utf-8") as file:
        found = {row["user"]: int(row["group"] or 0) for row in csv.DictReader(file)}
    groups = np.array([found[f"u{at:06d}"] for at in range(posts.users)])
    rand = comparing.adjusted_rand(comparing.contingency(groups, made.topics))
    print(f"  adjusted Rand {rand:.3f}, {np.mean(groups == 0):.1%} in none", flush=True)


if __name__ == "__main__":
    main()
