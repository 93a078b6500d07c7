from pathlib import Path

from spark_app import configuration
from spark_app.settings import listed, load

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"


def test_the_page_is_what_the_settings_say():
    assert PAGE.read_text() == configuration.page()


def test_every_setting_has_a_row():
    page = configuration.page()
    assert all(f"| `{name}` |" in page for name, *_ in listed(load()))


def test_a_row_says_what_is_expected():
    rows = configuration.page().splitlines()
    assert "| `MILLSTREAM_TOP_N` | 10 | a whole number, at least 1 and at most 1000 | length of a list |" in rows
    assert "| `MILLSTREAM_SOURCE` | files | files, kafka | where events come from |" in rows
