"""Find a Java that Spark 4 runs on, or install one where that is allowed. No Spark."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from spark_app.running.errors import SaidError

VERSIONS = (17, 21)
APT_LINE = "apt-get install -y openjdk-17-jre-headless"
# The wheels on PyPI carry a Java without this module, and Spark 4 does not start on it.
MODULE = "jdk.incubator.vector"


class NoJavaError(SaidError, RuntimeError):
    """No usable Java; the message says what was looked at and what to do."""


def home() -> Path:
    """The home of a Java 17 or 21 with the modules that Spark needs; raises NoJavaError."""
    seen = []
    for candidate in _candidates():
        fault = _fault(candidate)
        if fault is None:
            return candidate
        seen.append(f"{candidate} {fault}")
    looked_at = "; ".join(seen) or "none found in JAVA_HOME, on the PATH or in /usr/lib/jvm"
    raise NoJavaError(f"Java 17 or 21 is needed ({looked_at}). To install it: {_with_sudo(APT_LINE)}")


def install() -> Path:
    """Install Java with apt where root or passwordless sudo allows it; raises NoJavaError with the line to run."""
    prefix = _apt_prefix()
    if prefix is None:
        return home()
    for line in ("apt-get update", APT_LINE):
        run = subprocess.run([*prefix, *line.split()], capture_output=True, text=True, check=False)
        if run.returncode != 0 and line == APT_LINE:
            last = (run.stderr.strip().splitlines() or ["no message"])[-1]
            raise NoJavaError(f"{line} failed: {last}. Install Java 17 or 21 by hand and set JAVA_HOME")
    return home()


def may_install() -> bool:
    """Whether apt is here and may be used without a password."""
    return _apt_prefix() is not None


def _candidates() -> Iterator[Path]:
    """JAVA_HOME, then the java on the PATH, then what Debian and its kin install; each once."""
    found = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    if on_path:
        found.append(Path(on_path).resolve().parent.parent)
    found += sorted(Path("/usr/lib/jvm").glob("*-17-*")) + sorted(Path("/usr/lib/jvm").glob("*-21-*"))
    yield from dict.fromkeys(found)


def _fault(candidate: Path) -> str | None:
    """Why this Java cannot be used, or None."""
    program = candidate / "bin" / "java"
    if not program.exists():
        return "has no bin/java"
    version = _version(program)
    if version not in VERSIONS:
        return f"is Java {version}" if version else "does not start"
    modules = _run(program, "--list-modules")
    return None if MODULE in modules else f"lacks the module {MODULE}"


def _version(program: Path) -> int | None:
    found = re.search(r'version "(\d+)', _run(program, "-version"))
    return int(found.group(1)) if found else None


def _run(program: Path, argument: str) -> str:
    """What the program prints, on either stream."""
    try:
        run = subprocess.run([program, argument], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout + run.stderr


def _apt_prefix() -> list[str] | None:
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def _with_sudo(line: str) -> str:
    return line if os.geteuid() == 0 else f"sudo {line}"
