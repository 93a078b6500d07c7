"""The pointer without a session: what LATEST names, and when that is another."""

import os
import time

import pytest
import segmented
from test_generations import finished

from spark_app import generations
from spark_app.serving.pointer import Pointer
from spark_app.storage.tables import DamagedError


def test_before_the_first_nothing_is_named(settings):
    pointer = Pointer(settings)
    assert pointer.named() == pointer.other_than("") == pointer.other_than("old") == ""


def test_it_names_what_is_published_until_that_is_shown(settings):
    pointer = Pointer(settings)
    first, second = finished(settings), finished(settings)
    generations.publish(settings, first)
    assert pointer.named() == pointer.other_than("") == first.id
    assert pointer.other_than(first.id) == ""
    generations.publish(settings, second)
    assert [pointer.other_than(first.id) for _ in range(2)] == [second.id] * 2
    assert pointer.other_than(second.id) == ""


def test_a_rollback_is_noticed(settings):
    first, second = finished(settings), finished(settings)
    generations.publish(settings, second)
    pointer = Pointer(settings)
    assert pointer.named() == second.id
    generations.rollback(settings, first)
    assert pointer.other_than(second.id) == first.id


def test_each_of_many_in_a_row_is_noticed(settings):
    pointer = Pointer(settings)
    both = [finished(settings), finished(settings)]
    for number in range(50):
        generations.publish(settings, both[number % 2])
        assert pointer.named() == both[number % 2].id


def test_one_that_is_gone_names_nothing_and_comes_back(settings):
    pointer, generation = Pointer(settings), finished(settings)
    generations.publish(settings, generation)
    assert pointer.named()
    latest = settings.data_dir / "generations" / "LATEST"
    content = latest.read_text()
    latest.unlink()
    assert pointer.named() == ""
    latest.write_text(content)
    assert pointer.named() == generation.id


def test_it_is_read_only_when_it_is_another_file(settings):
    pointer, generation = Pointer(settings), finished(settings)
    generations.publish(settings, generation)
    assert pointer.named() == generation.id
    pointer._named = "as it was"
    assert pointer.named() == "as it was"
    os.utime(settings.data_dir / "generations" / "LATEST", (time.time() + 1,) * 2)
    assert pointer.named() == generation.id


def test_one_that_cannot_be_read_is_an_error(settings):
    (settings.data_dir / "generations" / "LATEST").mkdir(parents=True)
    with pytest.raises(OSError):
        Pointer(settings).named()


def test_one_that_is_empty_is_an_error_at_each_look(settings):
    pointer, generation = Pointer(settings), finished(settings)
    generations.publish(settings, generation)
    latest = settings.data_dir / "generations" / "LATEST"
    latest.write_text("\n")
    for _ in range(2):
        with pytest.raises(DamagedError, match="LATEST cannot be read: it is empty"):
            pointer.named()
    generations.publish(settings, generation)
    assert pointer.named() == generation.id


def test_another_folder_has_a_pointer_of_its_own(settings):
    pointer, folder = Pointer(settings, "segments/browsing"), segmented.of(settings, features="browsing")
    assert pointer.named() == folder.id and Pointer(settings).named() == ""
