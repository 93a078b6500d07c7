"""What README.md and the pages of docs/ say is to be typed: lines of blocks and code spans, and the pages themselves.

A command is a line of a block without a language or of a shell, or of an indented one, or a code span of at least two
words, that begins with a program. Words in capitals, such as PATH, stand for something, and so do their stand-ins here.
"""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGES = [*map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md", "results/README.md")), *sorted(ROOT.glob("docs/*.md"))]
STANDS_FOR = {
    "--truth FILE": "--truth truth.csv", "FILE": "file.csv", "PATH": "sales", "path/to/files": "sales",
    "DIR": "results", "VERB": "status", "USER": "U00042", "PRODUCT": "P0190", "URL": "http://127.0.0.1:8000",
    "ID": "20260102T030405Z-1a2b",
}  # fmt: skip
PROGRAMS = (
    r"(?:\.venv/bin/|env/bin/)?python3?|env/bin/[\w-]+|\.ci/run|make|docker|curl|pip|apt-get|airflow|mlflow|aws|git|printf"
    r"|openssl|kubectl|sudo|sed|export"
)
BEGINS = re.compile(rf"(?:\w+=(?:\"[^\"]*\"|'[^']*'|\S)* +)*(?:{PROGRAMS})(?= |$)")
_ANSWERED = re.compile(r"\$\(.*\)", re.S)
_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}\S.*\n)+", re.M)
SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_BETWEEN = ("&&", "|", ";")
# Languages of blocks that are typed.
TYPED = ("", "sh", "bash")


class Line(NamedTuple):
    """A command as it is typed, without the words beside it, and the first page that says it."""

    page: str
    text: str


class Step(NamedTuple):
    """One program of a command: what is set for it alone, and its words."""

    settings: dict[str, str]
    words: list[str]


@cache
def text_of(page: Path) -> str:
    return page.read_text()


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, what is in it) of each fenced block."""
    return [(language, body) for _, language, body in _FENCED.findall(text_of(page))]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCED.sub("", text_of(page))


def spans(page: Path) -> list[str]:
    """What stands between backticks, one line each."""
    return [" ".join(span.split()) for span in SPAN.findall(INDENTED.sub("", prose(page)))]


def lines(page: Path) -> list[str]:
    """Lines of blocks that are typed; one that goes on below is one."""
    typed = [body for language, body in blocks(page) if language in TYPED]
    indented = ["".join(line[4:] for line in block.splitlines(True)) for block in INDENTED.findall(prose(page))]
    found = [line for body in typed for line in whole(body)]
    return found + [line for body in indented for line in whole(body) if BEGINS.match(line)]


def commands(pages: list[Path] = PAGES) -> list[Line]:
    """Every command of the pages, once."""
    found: dict[str, Line] = {}
    for page in pages:
        typed = [line for line in lines(page) if BEGINS.match(line)]
        named = [span for span in spans(page) if BEGINS.match(span) and " " in span]
        for text in map(filled, typed + named):
            found.setdefault(text, Line(str(page.relative_to(ROOT)), text))
    return list(found.values())


def steps(text: str) -> Iterator[Step]:
    """The programs of a command in turn; what another one answers is a word, and where output goes is left out."""
    reader = shlex.shlex(_ANSWERED.sub("ANSWER", text), posix=True, punctuation_chars="&|;<>")
    reader.whitespace_split, reader.commenters = True, ""
    words: list[str] = []
    tokens = iter(reader)
    for token in tokens:
        if token in _BETWEEN:
            yield _step(words)
            words = []
        elif set(token) <= set("<>"):
            next(tokens)
        else:
            words.append(token)
    yield _step(words)


def _step(words: list[str]) -> Step:
    own = next((place for place, word in enumerate(words) if not re.match(r"[A-Z0-9_]+=", word)), len(words))
    return Step(dict(word.split("=", 1) for word in words[:own]), words[own:])


def whole(body: str) -> Iterator[str]:
    """Commands of a block: joined where a backslash or an open quote says so, without comments and blank lines."""
    begun = ""
    for line in body.splitlines():
        begun += re.sub(r"\s+# .*$", "", line)
        if begun.endswith("\\"):
            begun = begun[:-1]
        elif _is_open(begun):
            begun += "\n"
        else:
            yield from filter(None, [begun.strip()])
            begun = ""
    assert not begun, f"a quote is never closed: {begun}"


def _is_open(line: str) -> bool:
    try:
        shlex.split(_ANSWERED.sub("ANSWER", line))
    except ValueError:
        return True
    return False


def filled(text: str) -> str:
    """With something in the place of each stand-in, without brackets around what may be left out, with our Python."""
    text = re.sub(r"\[(--[^\]]*)\]", r"\1", text)
    for word, instead in STANDS_FOR.items():
        text = re.sub(rf"(?<![\w./-]){re.escape(word)}(?![\w=/.])", instead, text)
    return text.replace(".venv/bin/python", "python")
