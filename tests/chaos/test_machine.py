"""Adding, killing, training, publishing and rolling back in any order: the books hold after each step."""

import shutil

import pytest
from conftest import settings_for
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sales import Sales

from spark_app import generations, pipeline, quarantine
from spark_app.running import failpoints

pytestmark = [pytest.mark.chaos, pytest.mark.slow]


class KilledError(Exception):
    """In the place of SIGKILL, within one process."""


class Shop(RuleBasedStateMachine):
    """One data folder. `spark`, `home` and `tally` are given by the test."""

    @initialize()
    def open(self):
        type(self).shops += 1
        home = self.home / f"shop-{self.shops}"
        self.settings = settings_for(home, als={"factors": 2, "iterations": 2}, max_rejected_share=1.0)
        self.sales, self.taken = Sales(self.settings), True
        self.published, self.announced, self.held = None, None, False
        self.sales.add()
        self.ingest()

    @rule(good=st.integers(0, 40), bad=st.integers(0, 3), twice=st.integers(0, 5))
    def add(self, good, bad, twice):
        if good + bad:
            self.sales.add(good, bad, twice)
            self.taken = False

    @rule()
    def ingest(self):
        self.sales.take(self.spark)
        self.taken = True

    @precondition(lambda self: not self.taken)
    @rule(place=st.sampled_from(["before_write", "after_write_before_commit", "before_ledger"]))
    def ingest_and_be_killed(self, place):
        with self.deadly(place), pytest.raises(KilledError):
            self.sales.take(self.spark)
        type(self).kills += 1

    @rule()
    def lose_the_checkpoints(self):
        shutil.rmtree(self.settings.data_dir / "checkpoints", ignore_errors=True)

    @precondition(lambda self: self.taken)
    @rule()
    def replay(self):
        assert quarantine.replay(self.spark, self.settings).accepted == 0

    @precondition(lambda self: self.taken)
    @rule()
    def train(self):
        made = pipeline.refresh(self.spark, self.settings)
        self._resumed()
        if not self.held:
            self.published = made.id
        assert made.metrics["published"] is not self.held

    @precondition(lambda self: self.taken)
    @rule(place=st.sampled_from(["mid_training", "between_files_and_pointer"]))
    def train_and_be_killed(self, place):
        if place == "between_files_and_pointer" and self.held:
            return
        with self.deadly(place), pytest.raises(KilledError):
            pipeline.refresh(self.spark, self.settings)
        self._resumed()
        if place == "between_files_and_pointer":
            self.announced = generations.newest(self.settings).id
        type(self).kills += 1

    @precondition(lambda self: self.published)
    @rule()
    def roll_back(self):
        older = [one for one in generations.listed(self.settings) if one.id < self.published]
        if older:
            generations.rollback(self.settings, older[-1])
            self.published, self.announced, self.held = older[-1].id, None, True

    @precondition(lambda self: self.held)
    @rule()
    def promote(self):
        newest = generations.newest(self.settings)
        generations.promote(self.settings, newest)
        self.published, self.announced, self.held = newest.id, None, False

    def _resumed(self):
        """What a training does first with a publication that was cut short."""
        self.published, self.announced = self.announced or self.published, None

    @invariant()
    def the_books_add_up(self):
        if getattr(self, "taken", False):
            assert self.sales.damage() == (0, 0)

    @invariant()
    def what_is_published_is_whole(self):
        if hasattr(self, "settings"):
            found = generations.published(self.settings)
            assert (found.id if found else None) == self.published
            assert found is None or generations.fault_on_disk(found) == ""

    def deadly(self, place):
        """Within it, this place kills."""
        patch = pytest.MonkeyPatch.context()

        def reach(name):
            if name == place:
                raise KilledError(name)

        class Armed:
            def __enter__(self):
                patch.__enter__().setattr(failpoints, "reach", reach)

            def __exit__(self, *error):
                patch.__exit__(*error)

        return Armed()


@pytest.mark.night
def test_any_order_of_steps(spark, tmp_path, report):
    machine = type("OurShop", (Shop,), {"spark": spark, "home": tmp_path, "shops": 0, "kills": 0})
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=4, stateful_step_count=10, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    report("kills in any order with adding, training, rolling back", machine.kills, 0, 0)
    assert machine.kills
