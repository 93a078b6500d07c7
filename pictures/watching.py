"""Draws again when a generation, trends, segments or interests have come: their JSON files are written last."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pictures.drawing import draw, draw_trending
from pictures.reading import COLUMNS, RISING, ResultsError, read_generation
from pictures.sealed import KINDS


class Stamp(NamedTuple):
    """What a redraw depends on; where a file is away, as it was before, for it is being replaced."""

    generation: str  # "" where segments or interests are alone
    rising: tuple[int, ...]  # when what is trending was written, nanoseconds; 0: never
    beside: tuple[int, ...]  # the same of each kind of what is found of users


NEVER = Stamp("", (0,) * len(RISING), (0,) * len(KINDS))


def watch(folder: Path, *, page: bool, interval: float) -> None:
    """Until Ctrl-C or SIGTERM: a line for each drawing, one for what hinders it, one while nothing is there."""
    with ended_by_a_signal():
        drawn, told = None, ""
        while True:
            if (found := stamp(folder, drawn or NEVER)) is None:
                told = told or tell(f"waiting for a generation, segments or interests in {folder}")
            elif found != drawn:
                try:
                    seconds = redraw(folder, drawn, found, page=page)
                except (ResultsError, OSError) as fault:  # half a folder: the next look may find the whole
                    told = told if told == str(fault) else tell(str(fault), error=True)
                else:
                    told = tell(f"drew {news(drawn, found)}: {', '.join(spent(seconds))}")
                    drawn = found
            time.sleep(interval)


def stamp(folder: Path, before: Stamp = NEVER) -> Stamp | None:
    """How the folder is now. None while there is nothing to draw, or while an export is under way."""
    seals, rising = (written(folder / kind.seal) for kind in KINDS), tuple(written(folder / name) for name in RISING)
    beside = tuple(now or earlier for now, earlier in zip(seals, before.beside, strict=True))
    alone = not any((folder / name).exists() for name in COLUMNS)
    if alone and not any((folder / kind.seal).exists() for kind in KINDS):
        return None
    try:
        generation = "" if alone else read_generation(folder / "metrics.json")
    except ResultsError:
        return None
    return Stamp(generation, rising if all(rising) else before.rising, beside)


def redraw(folder: Path, before: Stamp | None, now: Stamp, *, page: bool) -> dict[Path, float]:
    """What is trending alone where nothing else is new: it is renewed once a minute, and the rest takes long."""
    if before is not None and only_rising(before, now):
        return draw_trending(folder)
    return draw(folder, page=page, warn=partial(tell, error=True))


def only_rising(before: Stamp, now: Stamp) -> bool:
    return now._replace(rising=before.rising) == before


def news(before: Stamp | None, now: Stamp) -> str:
    """What is new, in words."""
    if before is not None and only_rising(before, now):
        return "what is trending"
    if now.generation and (before is None or now.generation != before.generation):
        return f"generation {now.generation}"
    earlier = before.beside if before is not None else NEVER.beside
    new = [kind.name for kind, one, other in zip(KINDS, now.beside, earlier, strict=True) if one != other]
    return f"new {' and '.join(new)} beside generation {now.generation}" if now.generation else " and ".join(new)


def written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def spent(seconds: dict[Path, float]) -> Iterator[str]:
    for path, took in seconds.items():
        yield f"{path.name} {took:.1f} s"


def tell(words: str, *, error: bool = False) -> str:
    print(f"{time.strftime('%H:%M:%S')}  {words}", file=sys.stderr if error else sys.stdout, flush=True)
    return words


@contextmanager
def ended_by_a_signal() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: half a drawing is taken away, and all is well."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
