"""Interest groups of planted topics, beside a plain pipeline of scikit-learn in the same run: purity, Rand, seconds.

    python -m benchmarks.interests [--users 5000] [--topics 20] [--kinds plain short ...] [--rounds 1]

Each is a process of its own on the same posts, timed from the texts in memory to a group for each, its packages loaded
before. Both are told how many groups there are: TfidfVectorizer, TruncatedSVD (100), Normalizer, and KMeans of 3
starts is what one writes (`plain`). Ours also judges structure, learns how sure a group is, finds keywords and a map,
on 20,000 users at the most as the verb does, and places all. Once more neither is told how many groups there are
(`chosen`): the pipeline then tries as many numbers by silhouette, and finds the keywords of each group and a map of two
components. Who is in none counts as a group of its own. Both use as many threads as they take.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics import silhouette_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from benchmarks import beside
from benchmarks.planted import Posts, planted
from benchmarks.run import watched
from kafka_producer.groups import COMMON, SHOPPERS
from spark_app.blocks import Interests
from spark_app.frames.samples import SIZE
from spark_app.grouping import comparing
from spark_app.interests import making, tokens
from spark_app.interests.spotting import LOOKED_AT
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
    parser.add_argument("--only", choices=["ours", "plain", "chosen", "plain chosen"], help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        alone(asked.only, asked.home)
    else:
        for kind in asked.kinds:
            compare(kind, asked.users, asked.topics, asked.rounds)
        beside.machine()


def compare(kind: str, users: int, topics: int, rounds: int) -> None:
    """In turns, told how many groups there are; then once more, the number chosen by each."""
    texts, true = shoppers(users) if kind == "shoppers" else simulated(kind, users, topics)
    print(f"{kind}: {users:,} users, {len(set(true.tolist()))} topics", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "posts.json").write_text(json.dumps({"texts": texts, "k": len(set(true.tolist()))}), "utf-8")
        for _ in range(rounds):
            beside_plain("told", [run(name, home, true) for name in ("ours", "plain")])
        beside_plain("chosen", [run(name, home, true) for name in ("chosen", "plain chosen")])


def beside_plain(how: str, seconds: list[float]) -> None:
    """Says how long ours took beside scikit-learn."""
    print(f"  {how}: ours / scikit-learn {seconds[0] / seconds[1]:.2f} of the seconds", flush=True)


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
    print(f"  {name:12} {spent}, purity {purity:.3f}, adjusted Rand {rand:.3f}; {told['said']}", flush=True)
    (home / f"{name}.npy").unlink()
    return float(told["seconds"])


def alone(name: str, home: Path) -> None:
    """Groups of all texts by one of them, written with the seconds that it took."""
    posts = json.loads((home / "posts.json").read_text("utf-8"))
    how = {"ours": ours, "plain": plainly, "chosen": lambda texts, _: ours(texts, None), "plain chosen": all_plainly}
    # What is loaded and compiled, and threads that are started, are not counted.
    how[name]([f"word{at % 7} word{at % 5} word{at % 3}" for at in range(200)], 3)
    begun = time.process_time()
    seconds, (groups, said) = beside.clocked(lambda: how[name](posts["texts"], posts["k"]))
    told = {"seconds": seconds, "processor": time.process_time() - begun, "said": said}
    np.save(home / f"{name}.npy", groups)
    (home / f"{name}.json").write_text(json.dumps(told), "utf-8")


def ours(texts: list[str], k: int | None) -> tuple[NDArray[np.int64], str]:
    """The model of at the most as many texts as the verb takes, and where it places each of all."""
    begun = time.perf_counter()
    said = tokens.read(texts)
    read = time.perf_counter() - begun
    sample = said
    if len(texts) > SIZE:
        sample = said.some(np.sort(np.random.default_rng(SEED).choice(len(texts), SIZE, replace=False)))
    model = making.of_tokens(Interests(), sample, k=k, seed=SEED)
    made = time.perf_counter() - begun - read
    placed = model.placed_tokens(said)
    none = f"{np.mean(placed.group == 0):.1%} in none, sure {placed.confidence.mean():.2f}"
    return placed.group, f"{read:.2f} of them reading, {made:.2f} the model; k {len(model.numbers)}, {none}"


def plainly(texts: list[str], k: int | None) -> tuple[NDArray[np.int64], str]:
    """By scikit-learn, and no more than a group for each."""
    _, points = encoded_plainly(texts)
    labels = KMeans(k, n_init=3, random_state=SEED).fit_predict(points)
    return labels.astype(np.int64), f"k {k}"


def all_plainly(texts: list[str], _: int | None) -> tuple[NDArray[np.int64], str]:
    """By scikit-learn, with the number of groups by silhouette, keywords by class TF-IDF, and a map."""
    words, points = encoded_plainly(texts)
    random = np.random.default_rng(SEED)
    some = points[random.choice(len(points), min(len(points), LOOKED_AT), replace=False)]
    tried = {}
    for k in range(2, min(making.MOST, len(some) // 5) + 1):
        tried[k] = silhouette_score(some, KMeans(k, n_init=3, random_state=SEED).fit_predict(some))
    best = max(tried, key=lambda k: tried[k])
    labels = KMeans(best, n_init=3, random_state=SEED).fit_predict(points)
    together = CountVectorizer(vocabulary=words)
    counts = together.transform([" ".join(some) for some in by_group(texts, labels, best)]).toarray()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    weights, names = shares * np.log1p(counts.sum() / best / counts.sum(0).clip(1)), together.get_feature_names_out()
    keywords = [names[np.argsort(-row)[:10]] for row in weights]
    plane = PCA(2, random_state=SEED).fit_transform(points)
    said = f"k {best}, {len(keywords)} lists of keywords, a map of {plane.shape[1]} components"
    return labels.astype(np.int64), said


def encoded_plainly(texts: list[str]) -> tuple[dict[str, int], NDArray[np.float64]]:
    """The words and a point of length 1 for each text."""
    words = TfidfVectorizer(sublinear_tf=True, min_df=2)
    matrix = words.fit_transform(texts)
    size = min(100, matrix.shape[1] - 1)
    points = make_pipeline(TruncatedSVD(size, random_state=SEED), Normalizer()).fit_transform(matrix)
    return words.vocabulary_, points


def by_group(texts: list[str], labels: NDArray[np.int64], k: int) -> list[list[str]]:
    """The texts of each group."""
    found: list[list[str]] = [[] for _ in range(k)]
    for text, label in zip(texts, labels.tolist(), strict=True):
        found[label].append(text)
    return found


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
