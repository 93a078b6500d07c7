"""Where interests are kept: found by user, asked for in words, and what is damaged is left out."""

import interested
import pytest

from spark_app.storage import interest_files


def test_a_user_is_found_in_what_is_kept_and_before_it_words_say_what_makes_it(settings):
    with pytest.raises(interest_files.NoInterestsError, match="`python -m spark_app interests` makes them"):
        interest_files.needed(settings)
    folder = interested.keep(settings, interested.rows(9, none=1))
    assert interest_files.needed(settings) == folder == interest_files.intact(settings, pytest.fail)
    (row,) = interest_files.looked_up(folder).of("u00008")
    assert (row["group"], row["nearest"], row["confidence"]) == (None, 3, 0.3)
    assert interest_files.looked_up(folder).of("nobody") == []


def test_the_newest_three_are_kept_and_numbers_go_on_from_one_that_can_be_read(settings):
    *_, third, last = [interested.keep(settings, interested.rows(6)) for _ in range(4)]
    assert len([path for path in interest_files.home(settings).iterdir() if path.is_dir()]) == 3
    (last.path / "summary.json").write_text("{")
    said = []
    assert interest_files.intact(settings, said.append) is None
    assert interest_files.last_intact(settings, said.append) == third
    assert len(said) == 2 and said[0].endswith("makes them again; until then they are left out")
