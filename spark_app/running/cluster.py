"""What Spark is told so that other machines can do its work: this package's code, a Python, memory. Settings in.

The code of the executors is the code that runs here: it is packed at the start and unpacked where each of them works,
with the kernels that Numba has compiled, which it takes up where the processor is the same. What the code imports from
others is installed on the workers, or comes in an archive of the settings. No Spark.
"""

import os
import re
import sys
import tarfile
import tempfile
from pathlib import Path

from spark_app.settings import Settings

PACKAGE = Path(__file__).parent.parent
# The folder in which executors find the package, below the one that each of them works in.
CODE = "millstream-code"
# Where the packed code is, for who removes it at the end.
PACKED = "spark.millstream.code"
# Cores that a cluster is taken to have before it is asked.
_CORES = 8
_LOCAL_CLUSTER = re.compile(r"local-cluster\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]")


def is_elsewhere(master: str) -> bool:
    """Whether executors are processes of their own, on this machine or on others."""
    return not (master == "local" or master.startswith("local["))


def is_here(master: str) -> bool:
    """Whether all that runs is on this machine."""
    return master.startswith("local")


def cores(master: str) -> int:
    """local[2] is 2, local-cluster[2,4,1024] is 8, local[*] all of this machine's; another cluster has to be asked."""
    if found := _LOCAL_CLUSTER.fullmatch(master):
        return int(found[1]) * int(found[2])
    inside = master.partition("[")[2].partition("]")[0].partition(",")[0]
    if inside.isdigit():
        return int(inside)
    return (os.cpu_count() or 2) if is_here(master) else _CORES


def executor_memory(settings: Settings) -> str:
    """Heap of an executor; local-cluster[2,4,1024] gives each 1,024 MB, and none comes that asks for more."""
    found = _LOCAL_CLUSTER.fullmatch(settings.spark.master)
    return f"{found[3]}m" if found else settings.spark.executor_memory


def python(settings: Settings) -> str:
    """The program that runs Python on the executors: what is set, that of the first archive, or the path of this."""
    if settings.spark.python:
        return settings.spark.python
    name = settings.spark.archives.partition(",")[0].partition("#")[2].strip()
    return f"{name}/bin/python" if name and is_elsewhere(settings.spark.master) else sys.executable


def path(settings: Settings) -> str:
    """The executors' PYTHONPATH."""
    return CODE if _is_shipped(settings) else str(PACKAGE.parent)


def shipment(settings: Settings) -> dict[str, str]:
    """What reaches every executor before its first task: the code, which is packed now, and the settings' archives."""
    if not is_elsewhere(settings.spark.master):
        return {}
    archives = [archive.strip() for archive in settings.spark.archives.split(",") if archive.strip()]
    if not _is_shipped(settings):
        return {"spark.archives": ",".join(archives)} if archives else {}
    packed = pack(Path(tempfile.mkdtemp(prefix="millstream-code-")))
    return {"spark.archives": ",".join([f"{packed}#{CODE}", *archives]), PACKED: str(packed)}


def pack(folder: Path) -> Path:
    """The package as one archive in a folder: its modules, and what Numba compiled of them here."""
    packed = folder / f"{CODE}.tar.gz"
    with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
        archive.add(PACKAGE, PACKAGE.name, filter=_only_code)
    return packed


def _only_code(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    wanted = member.isdir() or member.name.endswith((".py", ".nbi", ".nbc"))
    # Whoever an executor runs as may write what it compiles beside it.
    member.mode |= 0o777 if member.isdir() else 0o666
    return member if wanted else None


def _is_shipped(settings: Settings) -> bool:
    return settings.spark.ship_code and is_elsewhere(settings.spark.master)
