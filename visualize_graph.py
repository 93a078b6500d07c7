"""Draw what is recommended: results/*.csv in, pictures beside them out. The rooms are in `pictures/`."""

import argparse
import os
import sys
from pathlib import Path

from pictures.drawing import draw, draw_alone, draw_assigned, draw_trending
from pictures.reading import ResultsError
from pictures.sealed import INTERESTS, SEGMENTS
from pictures.watching import watch


def main(arguments: list[str] | None = None) -> int:
    chosen = parsed(arguments)
    try:
        if chosen.watch:
            watch(chosen.results, page=chosen.html, interval=chosen.interval)
            return 0
        for path, seconds in drawn(chosen).items():
            print(f"{path}  {seconds:.1f} s")
    except (ResultsError, OSError) as fault:
        print(f"Nothing was drawn: {fault}", file=sys.stderr)
        return 1
    return 0


def drawn(chosen: argparse.Namespace) -> dict[Path, float]:
    if chosen.assigned:
        return draw_assigned(chosen.assigned, sys.stdin.read())
    if chosen.trending:
        return draw_trending(chosen.results)
    for kind, alone in ((SEGMENTS, chosen.segments), (INTERESTS, chosen.interests)):
        if alone:
            return draw_alone(chosen.results, kind)
    return draw(chosen.results, page=chosen.html)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Draw the pictures of a results folder into it; needs no Spark.")
    default = os.environ.get("MILLSTREAM_RESULTS_DIR") or "results"
    parser.add_argument("--results", type=Path, default=Path(default), metavar="DIR", help=f"default: {default}")
    parser.add_argument("--html", action="store_true", help="also recommendation_graph.html: the graph to walk in")
    parser.add_argument("--trending", action="store_true", help="trending.png alone, which needs no generation")
    parser.add_argument("--segments", action="store_true", help="pictures of segments alone: clusters.png and its kin")
    parser.add_argument("--interests", action="store_true", help="the picture of interests alone: interests.png")
    parser.add_argument("--assigned", type=Path, metavar="FILE", help="a text beside the groups: its JSON on stdin")
    parser.add_argument("--watch", action="store_true", help="draw what is new as it comes, until Ctrl-C")
    parser.add_argument("--interval", type=seconds, default=2.0, metavar="S", help="seconds between looks; default: 2")
    chosen = parser.parse_args(arguments)
    alone = chosen.trending, chosen.segments, chosen.interests, chosen.assigned is not None
    if sum(alone) + (chosen.html or chosen.watch) > 1:
        parser.error("--trending, --segments, --interests or --assigned draws that alone, once: leave all others out")
    return chosen


def seconds(words: str) -> float:
    if not 0.05 <= (number := float(words)) <= 86_400:
        raise argparse.ArgumentTypeError(f"{words}, expected 0.05 to 86400 seconds")
    return number


if __name__ == "__main__":
    sys.exit(main())
