"""Each line of docs/coming-from-oryx.md, asked of a trained shop as it stands there."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from served import served
from test_api import shop

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parent.parent / "docs" / "coming-from-oryx.md"
BLOCKS = re.findall(r"```\n(.*?)```", PAGE.read_text(), re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]


@pytest.fixture(scope="module")
def address(spark, tmp_path_factory):
    with served(shop(spark, tmp_path_factory.mktemp("oryx"))) as address:
        yield address


def test_the_page_has_lines_to_try():
    assert len(LINES) > 20 and all(line.startswith("curl -s ") for line in LINES)


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_answered(address, line):
    asked = f"API={address}; {line.replace('curl -s', 'curl -sS --fail-with-body', 1)}"
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found.get("generation") or found.get("events") or found.get("status") == "ready"
