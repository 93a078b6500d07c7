"""What batch and speed view took, side by side: each event in one of them."""

from datetime import date

from deltalake import DeltaTable
from test_tail import add
from typer.testing import CliRunner

from spark_app import layers
from spark_app.cli import verbs
from spark_app.storage import tables
from spark_app.storage.tables import EVENTS


def test_each_event_is_in_the_view_that_its_version_says(settings):
    first = add(settings, 0, 1)
    add(settings, 2)
    add(settings, 5, 3)
    found = layers.between(settings, first)
    assert [(day.day.day, day.table, day.batch, day.speed) for day in found.days] == [
        (1, 1, 1, 0), (2, 1, 1, 0), (3, 1, 0, 1), (4, 1, 0, 1), (6, 1, 0, 1),
    ]  # fmt: skip
    assert found.agrees and found.whole == (5, 2, 3) and found.counts.accepted == 5
    assert found.days[0].day == date(2026, 1, 1)


def test_before_the_first_generation_all_is_in_the_speed_view(settings):
    assert layers.found(settings).days == [] and layers.found(settings).agrees
    add(settings, 0, 1, 2)
    found = layers.found(settings)
    assert found.whole == (3, 0, 3) and found.generation is None and found.agrees


def test_what_is_in_neither_view_is_told_and_ends_with_another_code(settings, monkeypatch):
    first = add(settings, 0, 1)
    add(settings, 2)
    monkeypatch.setenv("MILLSTREAM_DATA_DIR", str(settings.data_dir))
    agreed = CliRunner().invoke(verbs.line(), ["layers"])
    assert agreed.exit_code == 0 and "they agree" in agreed.stdout
    # A day goes from the table, as by retention, while the speed view still counts from before it.
    DeltaTable(tables.path(settings, EVENTS)).delete("position = 0")
    found = layers.between(settings, first)
    assert not found.agrees and [day.agrees for day in found.days] == [False, True, True]
    assert CliRunner().invoke(verbs.line(), ["layers", "--days", "0"]).exit_code == 2
