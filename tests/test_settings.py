import pytest

from spark_app import decisive, settings
from spark_app.settings import WrongSettingError


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows():
    return {name: (value, default, origin) for name, value, default, origin, _ in settings.listed(settings.load())}


def test_defaults_are_those_of_the_contract():
    found = settings.load()
    assert (found.train_threshold, found.top_n, found.seed) == (1000, 10, 7)
    assert (found.als.factors, found.als.regularization, found.als.iterations) == (64, None, 10)
    assert (found.feedback, found.strength, found.half_life_days) == ("implicit", "binary", None)


def test_what_nobody_set_is_left_open_and_has_a_plain_value():
    found = settings.load()
    plain = decisive.unset(found)
    assert (found.algorithm, found.als.alpha, plain["als.alpha"], plain["half_life_days"]) == ("auto", None, 1.0, 0.0)
    assert plain["als.regularization"] == 0.1


def test_a_setting_changes_by_its_name_below_the_root():
    found = decisive.changed(settings.load(), {"als.alpha": 4.0, "blend.base": "bm25", "seed": 3})
    assert (found.als.alpha, found.als.factors, found.blend.base, found.seed) == (4.0, 64, "bm25", 3)


def test_what_is_restored_knows_nothing_of_todays_environment(monkeypatch):
    then = decisive.recorded(settings.load())
    monkeypatch.setenv("MILLSTREAM_WEIGHTS", '{"wish": 2}')
    today = settings.load()
    assert "wish" in today.weights
    assert "wish" not in decisive.restored(today, then).weights


@pytest.mark.parametrize(("feedback", "algorithm"), [("implicit", "als"), ("explicit", "ratings")])
def test_a_generation_from_before_algorithms_had_names_is_restored_as_what_it_was(feedback, algorithm):
    then = {"MILLSTREAM_FEEDBACK": {"value": feedback}, "MILLSTREAM_ALS__ALPHA": {"value": "2.0"}}
    found = decisive.restored(settings.load(), then)
    assert (found.feedback, found.algorithm, found.als.alpha) == (feedback, algorithm, 2.0)


def test_the_environment_stands_above_the_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("MILLSTREAM_TOP_N=5\nMILLSTREAM_SEED=3\n")
    monkeypatch.setenv("MILLSTREAM_TOP_N", "6")
    assert rows()["MILLSTREAM_TOP_N"] == ("6", "10", "environment")
    assert rows()["MILLSTREAM_SEED"] == ("3", "7", ".env")


def test_a_nested_setting_is_named_with_two_underscores(monkeypatch):
    monkeypatch.setenv("MILLSTREAM_ALS__FACTORS", "8")
    assert settings.load().als.factors == 8
    assert rows()["MILLSTREAM_ALS__FACTORS"] == ("8", "64", "environment")


def test_own_weights_are_added_to_the_defaults(monkeypatch):
    monkeypatch.setenv("MILLSTREAM_WEIGHTS", '{"wish": 2, "view": 0.5}')
    weights = settings.load().weights
    assert (weights["wish"], weights["view"], weights["purchase"]) == (2.0, 0.5, 5.0)


def test_what_the_command_line_gives_stands_above_all(monkeypatch):
    monkeypatch.setenv("MILLSTREAM_SOURCE", "kafka")
    assert settings.load(source="files").source == "files"
    assert settings.load(source=None).source == "kafka"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MILLSTREAM_TOP_N", "0", "greater than or equal to 1"),
        ("MILLSTREAM_TOP_N", "ten", "valid integer"),
        ("MILLSTREAM_FEEDBACK", "maybe", "'implicit' or 'explicit'"),
        ("MILLSTREAM_ALS__ALPHA", "-1", "greater than 0"),
        ("MILLSTREAM_SEEN", "sometimes", "'never', 'always' or 'cooldown'"),
        ("MILLSTREAM_COOLDOWN_DAYS", "0", "greater than 0"),
        ("MILLSTREAM_WEIGHTS", "view=1", "expected JSON"),
        ("MILLSTREAM_WEIGHTS", '{"purchase": 0, "cart": 0, "like": 0, "rate": 0, "view": 0}', "above 0"),
        ("MILLSTREAM_SPARK__DRIVER_MEMORY", "lots", "match pattern"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_variable_value_and_what_was_expected(monkeypatch, name, value, expected):
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettingError) as error:
        settings.load()
    message = str(error.value)
    assert name in message and expected in message and "\n" not in message
    if not value.startswith("{"):
        assert value in message


def test_a_misspelt_setting_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("MILLSTREAM_TOPN", "5")
    with pytest.raises(WrongSettingError, match="MILLSTREAM_TOPN is not a setting"):
        settings.load()


def test_every_setting_says_what_it_means():
    assert [name for name, *_, meaning in settings.listed(settings.load()) if not meaning] == []


def test_what_decides_the_lists_comes_back_from_a_manifest(monkeypatch):
    then = decisive.recorded(settings.load(seen="cooldown", cooldown_days=2.5))
    monkeypatch.setenv("MILLSTREAM_SEEN", "always")
    restored = decisive.restored(settings.load(), then)
    assert (restored.seen, restored.cooldown_days) == ("cooldown", 2.5)


def test_a_manifest_from_before_a_setting_means_its_default(monkeypatch):
    then = decisive.recorded(settings.load(top_n=5))
    del then["MILLSTREAM_SEEN"], then["MILLSTREAM_COOLDOWN_DAYS"]
    monkeypatch.setenv("MILLSTREAM_SEEN", "always")
    monkeypatch.setenv("MILLSTREAM_COOLDOWN_DAYS", "3")
    restored = decisive.restored(settings.load(), then)
    assert (restored.top_n, restored.seen, restored.cooldown_days) == (5, "never", None)
