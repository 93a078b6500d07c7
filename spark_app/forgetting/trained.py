"""Kept generations: one that knows a user is written anew without that user, beside the old one, and takes its place.

Rows go, in tables, factors and the graph, and the arrays to be mapped are made anew; the engine's id of the user is
never given again. Counts and factors of products that were learnt from many stay. The events that a generation was made
from are gone, so none of them can be made again.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_app import generations
from spark_app.forgetting import copies
from spark_app.forgetting.copies import Who
from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Whom
from spark_app.generations import INSTEAD_OF, MANIFEST, METRICS, Generation
from spark_app.mapped import maps
from spark_app.running import failpoints
from spark_app.settings import Settings
from spark_app.storage import forgotten

_PARENTS = ("parent", "rebuilt_from")
_FACTORS = tuple(f"{generations.USER_FACTORS}{end}.npy" for end in ("", "_ids"))


def remove(settings: Settings, whom: Whom, receipt: Receipt, *, lost: bool) -> None:
    """Replace the generations that know the user, and mark those, or all where the events of before are `lost`.

    Whoever calls holds the locks of training and of publishing.
    """
    generations.remove_unfinished(settings)
    _keep_ids(settings)
    done = {one.manifest.get(INSTEAD_OF): one for one in generations.listed(settings)}
    for old in generations.listed(settings):
        if (new := done.get(old.id)) is None:
            if (who := _known(old, whom)) is None:
                continue
            new = _written(settings, old, who, receipt)
        failpoints.reach("forget_between_generations")
        receipt.note(receipt.rewritten, f"generations/{old.id} as {new.id}")
        generations.take_place(settings, old, new)
    names = renamed(settings)
    for one in generations.listed(settings):
        if lost or one.manifest.get(INSTEAD_OF):
            _mark(one, names, whom)


def renamed(settings: Settings) -> dict[str, str]:
    """What generations that were replaced are called now."""
    found = {one.manifest.get(INSTEAD_OF): one.id for one in generations.listed(settings)}
    return {old: new for old, new in found.items() if old}


def _keep_ids(settings: Settings) -> None:
    for one in generations.listed(settings):
        if (one.folder / generations.USERS).exists():
            highest = pc.max(generations.scan(one, generations.USERS, columns=["userId"])["userId"]).as_py()
            forgotten.keep_ids(settings, -1 if highest is None else highest + 1)


def _known(one: Generation, whom: Whom) -> Who | None:
    """The user with the engine's id; None where the generation knows nothing of the user."""
    if not (one.folder / generations.USERS).exists():
        return None
    users = generations.scan(one, generations.USERS, filter=pc.field("user") == whom.user)
    return Who(whom, users["userId"][0].as_py()) if len(users) else None


def _written(settings: Settings, old: Generation, who: Who, receipt: Receipt) -> Generation:
    """The same without the user, whole and not published yet."""
    new = generations.instead_of(settings, old)
    leave = {MANIFEST, METRICS, maps.FOLDER, f".{maps.FOLDER}", *_FACTORS}
    pairs = _liked(old, who)
    went = copies.folder(old.folder, new.folder, who, leave=frozenset(leave))
    went |= _factors(old, new, who)
    if (old.folder / generations.VERTICES).exists():
        _lessen(old, new, who)
    if maps.is_there(old):
        maps.make(new)
    for table, rows in _by_table(went).items():
        receipt.remove(f"generations/{old.id}/{table}", rows)
    less = {"users": 1, "interactions": pairs}
    failpoints.reach("forget_before_manifest")
    generations.finish(new, _less(old.metrics, less) | {"generation": new.id}, _manifest(old, new, less))
    return new


def _factors(old: Generation, new: Generation, who: Who) -> dict[str, int]:
    """The vectors to be mapped, without the user's."""
    paths = [old.folder / name for name in _FACTORS]
    if not all(path.exists() for path in paths):
        return {}
    vectors, ids = (np.load(path, mmap_mode="r") for path in paths)
    left = np.asarray(ids) != who.number
    for name, values in zip(_FACTORS, (vectors, ids), strict=True):
        np.save(new.folder / name, values[left])
    return {_FACTORS[0]: int(len(ids) - left.sum())}


def _lessen(old: Generation, new: Generation, who: Who) -> None:
    """Products have one edge less for each that led from the user; one without an edge is no vertex."""
    mine = generations.scan(old, generations.EDGES, columns=["dst"], filter=pc.field("src") == who.whom.vertex)
    fewer = Counter(mine["dst"].to_pylist())
    for part in sorted((new.folder / generations.VERTICES).glob("*.parquet")):
        rows = pq.read_table(part)
        pairs = zip(rows["degree"].to_pylist(), rows["id"].to_pylist(), strict=True)
        place, kind = rows.schema.get_field_index("degree"), rows.schema.field("degree")
        changed = rows.set_column(place, kind, pa.array([one - fewer[name] for one, name in pairs], kind.type))
        # The file may be linked to the old generation's.
        part.unlink()
        part.with_name(f".{part.name}.crc").unlink(missing_ok=True)
        pq.write_table(changed.filter(pc.greater(changed["degree"], 0)), part, compression="snappy")


def _liked(one: Generation, who: Who) -> int:
    """How many of the counted interactions are the user's."""
    rows = pc.field("userId") == who.number
    found = generations.scan(one, generations.INTERACTIONS, columns=["strength"], filter=rows)
    return len(found) - int(found["strength"].null_count)


def _by_table(went: dict[str, int]) -> dict[str, int]:
    """Rows by table, from those by file."""
    found: Counter[str] = Counter()
    for name, number in went.items():
        found[name.partition("/")[0]] += number
    return dict(found)


def _less(said: dict[str, Any], less: dict[str, int]) -> dict[str, Any]:
    return said | {name: max(said[name] - number, 0) for name, number in less.items() if name in said}


def _manifest(old: Generation, new: Generation, less: dict[str, int]) -> dict[str, Any]:
    manifest = old.manifest
    rows = {name: generations.opened(new, name).count_rows() for name in manifest.get("rows", {})}
    counted = {"rows": rows} if rows else {}
    return manifest | counted | {
        "generation": new.id, INSTEAD_OF: old.id, "counts": _less(manifest.get("counts", {}), less)
    }  # fmt: skip


def _mark(one: Generation, names: dict[str, str], whom: Whom) -> None:
    """Say that it cannot be made again, and call its parents what they are called now; the busiest user may be gone."""
    manifest = one.manifest
    now = manifest | {name: names.get(manifest[name], manifest[name]) for name in _PARENTS if manifest.get(name)}
    if now.get("busiest_user") == whom.user:
        now["busiest_user"] = None
    now.setdefault(generations.NOT_REBUILDABLE, f"a user was forgotten on {datetime.now(UTC):%Y-%m-%d}")
    if now != manifest:
        generations.rewrite_manifest(one, now)
