"""A data folder that knows one user wherever it can, and others beside her; and a search of every byte for her."""

import gzip
import json
import shutil
from pathlib import Path

import interested
import pyarrow as pa
import pyarrow.parquet as pq
from builders import generation
from conftest import settings_for
from deltalake import DeltaTable
from searched import found
from test_ingestion import inbox

from spark_app import exports, generations, ingestion, store
from spark_app.blocks import Interests
from spark_app.generations import Generation
from spark_app.interests import making
from spark_app.storage import interest_files, segment_files, shelves, tables

# Her id, a word that she alone writes, and one that is read in a picture that she alone posts.
ANN, WORD, READ = "zz-9-Änn", "quoxelbrandt", "zwirbelfink"
CSV = "user,product,quantity,timestamp"
_PUPPIES, _ROSES = "puppy kitten walk collar", "rose compost bloom herbs"


def everywhere(settings):
    """Files that say anything of her."""
    homes = (settings.data_dir, settings.results_dir)
    return [path for home in homes for word in (ANN, WORD, READ) for path in found(home, word)]


def line(user, product, day, **more):
    return json.dumps({"user": user, "product": product, "timestamp": f"2026-01-{day:02}"} | more, ensure_ascii=False)


def post(user, day, text, image):
    said = {"user": user, "event_type": "post", "text": text, "image": image, "timestamp": f"2026-01-{day:02}"}
    return json.dumps(said, ensure_ascii=False)


def folder(spark, home):
    """The settings of such a folder below `home`."""
    settings = settings_for(home)
    _events(spark, settings)
    made = _generations(spark, settings)
    DeltaTable(tables.path(settings, tables.EVENTS)).create_checkpoint()
    _results(settings, made)
    _segments(settings)
    _pictures(settings)
    _interests(settings)
    _logs(settings)
    return settings


def _events(spark, settings):
    """Taken in twice, so that there are older versions; a last file waits."""
    others = [line(user, product, day) for day, (user, product) in enumerate(
        [("bob", "lamp"), ("bob", "desk"), ("eve", "lamp"), ("eve", "sofa"), ("dan", "desk")], 1)]  # fmt: skip
    hers = [line(ANN, "lamp", 8, event_id="a1", customer_data={"name": "A"}), line(ANN, "rug", 9)]
    bad = [line(ANN, "lamp", 9, quantity="many"), f'{{"user": "{ANN}", "product": ', line("bob", "x", 9, rating="x")]
    (inbox(settings) / "a.jsonl").write_text("\n".join([*others, *hers, *bad]) + "\n")
    rows = f"{CSV}\n{ANN},desk,1,2026-01-10\nbob,rug,1,2026-01-11\n{ANN},desk,much,2026-01-10\n"
    (inbox(settings) / "b.csv.gz").write_bytes(gzip.compress(rows.encode()))
    ingestion.take_files(spark, settings, inbox(settings))
    (inbox(settings) / "c.jsonl").write_text(line(ANN, "desk", 12) + "\n")
    posts = [post(ANN, 12, f"{WORD} {_PUPPIES}", f"{ANN}.png"), post(ANN, 12, "", "both.png"),
             post("bob", 12, _ROSES, " both.png")]  # fmt: skip
    (inbox(settings) / "posts.jsonl").write_text("\n".join(posts) + "\n")
    ingestion.take_files(spark, settings, inbox(settings))
    (inbox(settings) / "d.jsonl").write_text(line(ANN, "sofa", 13) + "\n" + line("eve", "rug", 13) + "\n")


def _generations(spark, settings):
    """The published one, made of what was bought, and one before it."""
    events = store.read(spark, settings, tables.EVENTS).filter("product IS NOT NULL").localCheckpoint()
    made = generation(settings, events, version=1, graph=True)
    older = Generation("20260101T000000Z-0001", made.folder.with_name("20260101T000000Z-0001"))
    shutil.copytree(made.folder, older.folder)
    for one in (older, made):
        manifest = one.manifest | {"busiest_user": ANN, "parent": None if one is older else older.id}
        generations.write_json(one.folder / generations.MANIFEST, manifest)
    return made


def _results(settings, made):
    results = settings.results_dir
    results.mkdir()
    csvs = {"recommendations.csv": generations.RECOMMENDATIONS, "vertices.csv": generations.VERTICES,
            "edges.csv": generations.EDGES, "user_mappings.csv": generations.USERS}  # fmt: skip
    for name, table in csvs.items():
        rows = generations.scan(made, table)
        flat = [column for column in rows.column_names if column != "because"]
        exports.write_rows([list(row.values()) for row in rows.select(flat).to_pylist()], flat, results / name)
    for name in ("recommendation_graph.png", "recommendation_graph.html", "top_products.png"):
        (results / name).write_text(f"drawn of {ANN}" if "graph" in name else "drawn")
    generations.write_json(results / "metrics.json", made.metrics | {"generation": made.id, "users": 4})


def _segments(settings):
    kept = segment_files.new(settings, "behaviour")
    places = {name: [0.0, 1.0, 2.0] for name in ("x", "y", "distance")}
    users = pa.table({"user": ["bob", "eve", ANN], "method": ["kmeans"] * 3, "segment": [0, 1, 1]} | places)
    alike = pa.table({"user": ["bob", ANN], "similar_user": [ANN, "bob"], "score": [0.5, 0.5]})
    shelves.write_rows(kept, segment_files.SEGMENTS, users)
    shelves.write_rows(kept, segment_files.SIMILARITY, alike)
    segment_files.publish(kept, {"segments": {"kmeans": []}, "users": 3})
    left = kept.path.with_name("20260101T000000Z-dead")
    shutil.copytree(kept.path, left)
    (left / shelves.SUMMARY).unlink()


def _pictures(settings):
    """What was read in a picture of hers, and in one that bob posts too."""
    said = [(f"{ANN}.png", f"{READ} treats"), ("both.png", "sale")]
    pictures(interest_files.seen(settings), {"part-0.snappy.parquet": said, "part-1.snappy.parquet": said[:1]})


def pictures(home: Path, parts):
    """Files of (picture, what is written in it), as seen_pictures.py keeps them."""
    home.mkdir(parents=True)
    for name, said in parts.items():
        rows = [{"image": image, "stamp": "1:1", "reader": "ocr:", "said": text} for image, text in said]
        pq.write_table(pa.Table.from_pylist(rows), home / name)
        (home / f".{name}.crc").write_bytes(b"crc")


def _interests(settings):
    """A model of what six users say, she among them; the map has a place for her."""
    users = interested.rows(6, groups=2, none=0)
    users[-1]["user"] = ANN
    texts = [_PUPPIES, _ROSES] * 2 + [_PUPPIES, f"{_ROSES} {WORD} {READ} {WORD}"]
    interested.keep(settings, users, making.made(Interests(), texts, k=2, seed=7))


def _logs(settings):
    (settings.data_dir / "logs").mkdir()
    log = {"event": f"asked for {ANN}, 17 times", "arguments": ["recommend", ANN], "level": "info"}
    (settings.data_dir / "logs" / "run.jsonl").write_text(json.dumps(log, ensure_ascii=False) + "\n" + json.dumps(log))
