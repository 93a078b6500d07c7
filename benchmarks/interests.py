"""Interest groups of planted topics, beside a plain pipeline of scikit-learn in the same run: purity, Rand, seconds.

    python -m benchmarks.interests [--users 5000] [--topics 20] [--kinds plain short ...] [--rounds 1]

Each is a process of its own on the same posts, timed from the texts in memory to a group for each. Both are told how
many groups there are: TfidfVectorizer, TruncatedSVD (100), Normalizer, and KMeans of 3 starts is what one writes. Ours
also judges structure, learns how sure a group is, finds keywords and a map; once more it is not told how many groups
there are. Who is in none counts as a group of its own. Both use as many threads as they take.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import beside
from benchmarks.planted import Posts, planted
from benchmarks.run import watched
from kafka_producer.groups import COMMON, SHOPPERS
from spark_app.blocks import Interests
from spark_app.grouping import comparing
from spark_app.interests import making
from spark_app.running.preflight import GIGABYTE

SEED = 7
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "short": {"words": (5, 8)},
    "dirty": {"words": (8, 25), "dirt": 0.5},
    "short and dirty": {"words": (5, 8), "dirt": 0.5},
    "unequal": {"words": (8, 25), "unequal": 1.0},
    "shoppers": {},
}


def main() -> None:
    """Time both on each kind of posts, and say how good their groups are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--topics", type=int, default=20)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=["ours", "chosen", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        alone(asked.only, asked.home)
    else:
        for kind in asked.kinds:
            compare(kind, asked.users, asked.topics, asked.rounds)
        beside.machine()


def compare(kind: str, users: int, topics: int, rounds: int) -> None:
    """In turns, then ours once more with the number of groups chosen."""
    texts, true = shoppers(users) if kind == "shoppers" else simulated(kind, users, topics)
    print(f"{kind}: {users:,} users, {len(set(true.tolist()))} topics", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "posts.json").write_text(json.dumps({"texts": texts, "k": len(set(true.tolist()))}), "utf-8")
        for _ in range(rounds):
            ours, plain = (run(name, home, true) for name in ("ours", "plain"))
            print(f"  ours / scikit-learn: {ours / plain:.2f} of the seconds", flush=True)
        run("chosen", home, true)


def run(name: str, home: Path, true: NDArray[np.int64]) -> float:
    """Seconds of one, in a process of its own; prints how well the topics were found."""
    found = watched(["benchmarks.interests", "--only", name, "--home", str(home)], {})
    if not (home / f"{name}.npy").exists():
        raise SystemExit(f"{name} came to no end")
    groups = np.load(home / f"{name}.npy")
    told = json.loads((home / f"{name}.json").read_text("utf-8"))
    table = comparing.contingency(groups, true)
    purity, rand = table.max(1).sum() / len(true), comparing.adjusted_rand(table)
    spent = f"{told['seconds']:6.2f} s ({told['processor']:.2f} of processors), {found.memory / GIGABYTE:.1f} GB"
    print(f"  {name:7} {spent}, purity {purity:.3f}, adjusted Rand {rand:.3f}; {told['said']}", flush=True)
    (home / f"{name}.npy").unlink()
    return float(told["seconds"])


def alone(name: str, home: Path) -> None:
    """Groups of all texts by one of them, written with the seconds that it took."""
    posts = json.loads((home / "posts.json").read_text("utf-8"))
    how = {"ours": ours, "chosen": lambda texts, _: ours(texts, None), "plain": plainly}[name]
    begun = time.process_time()
    seconds, (groups, said) = beside.clocked(lambda: how(posts["texts"], posts["k"]))
    told = {"seconds": seconds, "processor": time.process_time() - begun, "said": said}
    np.save(home / f"{name}.npy", groups)
    (home / f"{name}.json").write_text(json.dumps(told), "utf-8")


def ours(texts: list[str], k: int | None) -> tuple[NDArray[np.int64], str]:
    """The model, and where it places each text."""
    begun = time.perf_counter()
    model = making.made(Interests(), texts, k=k, seed=SEED)
    made = time.perf_counter() - begun
    placed = model.placed(texts)
    none = f"{np.mean(placed.group == 0):.1%} in none, sure {placed.confidence.mean():.2f}"
    return placed.group, f"{made:.2f} of them the model; k {len(model.numbers)}, {none}"


def plainly(texts: list[str], k: int | None) -> tuple[NDArray[np.int64], str]:
    """By scikit-learn."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    words = TfidfVectorizer(sublinear_tf=True, min_df=2)
    matrix = words.fit_transform(texts)
    size = min(100, matrix.shape[1] - 1)
    points = make_pipeline(TruncatedSVD(size, random_state=SEED), Normalizer()).fit_transform(matrix)
    labels = KMeans(k, n_init=3, random_state=SEED).fit_predict(points)
    return labels.astype(np.int64), f"k {k}"


def simulated(kind: str, users: int, topics: int) -> tuple[list[str], NDArray[np.int64]]:
    """Texts and the topic of each."""
    found = planted(Posts(users=users, topics=topics, seed=SEED, **KINDS[kind]))
    return found.texts, found.topics


def shoppers(users: int) -> tuple[list[str], NDArray[np.int64]]:
    """Posts of the producer's groups: three sentences of their own and of common words for each user."""
    random = np.random.default_rng(SEED)
    groups = random.integers(len(SHOPPERS), size=users)
    own, common = [group.words.split() for group in SHOPPERS], COMMON.split()
    texts = []
    for group in groups.tolist():
        lists = [own[group] if random.random() < 0.6 else common for _ in range(18)]
        texts.append(" ".join(words[int(random.integers(len(words)))] for words in lists))
    return texts, groups


if __name__ == "__main__":
    main()
