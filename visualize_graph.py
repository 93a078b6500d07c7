"""Draw what is recommended: results/*.csv in, pictures beside them out. The rooms are in `pictures/`."""

import argparse
import os
import sys
from pathlib import Path

from pictures.drawing import draw
from pictures.reading import ResultsError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the pictures of a results folder into it; needs no Spark.")
    default = os.environ.get("MILLSTREAM_RESULTS_DIR") or "results"
    parser.add_argument("--results", type=Path, default=Path(default), metavar="DIR", help=f"default: {default}")
    chosen = parser.parse_args(arguments)
    try:
        for path, seconds in draw(chosen.results).items():
            print(f"{path}  {seconds:.1f} s")
    except (ResultsError, OSError) as fault:
        print(f"Nothing was drawn: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
