"""Draws again when a generation has come: metrics.json is written last, and names it."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pictures.drawing import draw
from pictures.grouped import SEAL
from pictures.reading import RISING, ResultsError, read_generation


def watch(folder: Path, *, page: bool, interval: float) -> None:
    """Until Ctrl-C or SIGTERM: a line for each drawing, one for what hinders it, one while nothing is there."""
    with ended_by_a_signal():
        drawn, told = None, ""
        while True:
            if (found := stamp(folder)) is None:
                told = told or tell(f"waiting for a generation in {folder}")
            elif found != drawn:
                try:
                    seconds = draw(folder, page=page)
                except (ResultsError, OSError) as fault:  # half a folder: the next look may find the whole
                    told = told if told == str(fault) else tell(str(fault), error=True)
                else:
                    drawn, told = found, tell(f"drew generation {found[0]}: {', '.join(spent(seconds))}")
            time.sleep(interval)


def stamp(folder: Path) -> tuple[object, ...] | None:
    """What a redraw depends on: the generation, and when trends and segments were written. None while there is none."""
    try:
        return read_generation(folder / "metrics.json"), *(written(folder / name) for name in (*RISING, SEAL))
    except ResultsError:
        return None


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
