"""The shop's rules: a small TOML file in, rules that are checked out; a wrong one is refused in one line."""

import json
from pathlib import Path

import pytest

from spark_app import shop_rules
from spark_app.shop_rules import Rule, Rules, WrongRulesError

WHOLE = """
[hide]
products = ["P0190"]
categories = ["Gift cards"]
brands = ["Dunmore"]

[boost]                 # by how many standard deviations of a user's scores
brands = { "Acme" = 1.0 }
products = { "P0001" = 0.5 }

[bury]
categories = { "Clearance" = 2.0 }
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "rules.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(WrongRulesError) as error:
        shop_rules.read(written(folder, text))
    return str(error.value).replace(f"{folder}/", "")


def test_a_file_says_what_to_hide_boost_and_bury(tmp_path):
    assert shop_rules.read(written(tmp_path, WHOLE)).rows == (
        Rule("boost", "product", "P0001", 0.5),
        Rule("hide", "product", "P0190"),
        Rule("bury", "category", "Clearance", 2.0),
        Rule("hide", "category", "Gift cards"),
        Rule("boost", "brand", "Acme", 1.0),
        Rule("hide", "brand", "Dunmore"),
    )


def test_a_rule_is_said_in_words(tmp_path):
    words = [rule.words for rule in shop_rules.read(written(tmp_path, WHOLE)).rows]
    assert words[:3] == ["boost product P0001 by 0.5", "hide product P0190", "bury category Clearance by 2"]


def test_to_bury_is_to_boost_by_less_than_nothing(tmp_path):
    boosts = {rule.name: rule.boost for rule in shop_rules.read(written(tmp_path, WHOLE)).rows}
    assert (boosts["Acme"], boosts["Clearance"], boosts["P0190"]) == (1.0, -2.0, 0.0)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[hide]\n", "[hide]\nbrands = []\n[boost]\nbrands = {}\n"])
def test_a_file_without_rules_has_none(tmp_path, text):
    assert shop_rules.read(written(tmp_path, text)) == Rules()


def test_no_file_gives_no_rules():
    assert shop_rules.read(None) == Rules()


def test_what_is_hidden_twice_is_one_rule(tmp_path):
    assert len(shop_rules.read(written(tmp_path, '[hide]\nbrands = ["Acme", "Acme"]')).rows) == 1


def test_the_order_of_the_file_does_not_show(tmp_path):
    one = shop_rules.read(written(tmp_path, '[hide]\nbrands = ["b", "a"]\n[bury.products]\nx = 1\nw = 2'))
    other = shop_rules.read(written(tmp_path, '[bury.products]\nw = 2.0\nx = 1.0\n[hide]\nbrands = ["a", "b"]'))
    assert one == other and json.dumps(one.as_dict()) == json.dumps(other.as_dict())


def test_one_thing_may_be_both_hidden_and_boosted(tmp_path):
    rules = shop_rules.read(written(tmp_path, '[hide]\nbrands = ["Acme"]\n[boost]\nbrands = { Acme = 1 }'))
    assert rules.rows == (Rule("hide", "brand", "Acme"), Rule("boost", "brand", "Acme", 1.0))


def test_one_name_of_two_kinds_is_two_things(tmp_path):
    rules = shop_rules.read(written(tmp_path, "[boost]\nbrands = { Acme = 1 }\n[bury]\nproducts = { Acme = 1 }"))
    assert [rule.kind for rule in rules.rows] == ["product", "brand"]


def test_rules_come_back_from_json_as_they_were(tmp_path):
    rules = shop_rules.read(written(tmp_path, WHOLE))
    assert Rules.from_dict(json.loads(json.dumps(rules.as_dict()))) == rules
    assert Rules.from_dict({}) == Rules() and Rules().as_dict() == {}


def test_rules_as_a_dict_have_the_form_of_the_file(tmp_path):
    assert shop_rules.read(written(tmp_path, WHOLE)).as_dict() == {
        "hide": {"products": ["P0190"], "categories": ["Gift cards"], "brands": ["Dunmore"]},
        "boost": {"products": {"P0001": 0.5}, "brands": {"Acme": 1.0}},
        "bury": {"categories": {"Clearance": 2.0}},
    }


def test_a_wrong_dict_is_refused_as_a_file_is():
    with pytest.raises(WrongRulesError, match=r"^the recorded rules: boost\.brands\.Acme = -1: expected a number"):
        Rules.from_dict({"boost": {"brands": {"Acme": -1}}})


def test_names_may_be_any_unicode_and_a_byte_order_mark_is_passed_over(tmp_path):
    rules = shop_rules.read(written(tmp_path, '[hide]\r\nbrands = ["Möbel & Ünïcødé", "家具"]\r\n'.encode("utf-8-sig")))
    assert [rule.name for rule in rules.rows] == ["Möbel & Ünïcødé", "家具"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[hid]", "rules.toml: hid = {}: expected hide, boost or bury"),
        ("hide = 3", "rules.toml: hide = 3: expected a table with products, categories or brands"),
        ('[hide]\nproduct = ["a"]', 'rules.toml: hide.product = ["a"]: expected products, categories or brands'),
        ("[hide]\nbrands = 'a'", 'rules.toml: hide.brands = "a": expected a list of names, such as ["a name"]'),
        ("[hide]\nproducts = ['a', 22386]", "rules.toml: hide.products = 22386: expected a name in quotes"),
        ("[hide]\nproducts = ['']", 'rules.toml: hide.products = "": expected a name in quotes'),
        (
            "[boost]\nbrands = ['a']",
            'rules.toml: boost.brands = ["a"]: expected names and numbers, such as { "a name" = 1.5 }',
        ),
        ("[bury]\nbrands = { '' = 1 }", 'rules.toml: bury.brands = "": expected a name in quotes'),
    ],
)
def test_what_is_not_a_rule_is_refused_by_file_key_and_value(tmp_path, text, message):
    assert refusal(tmp_path, text) == message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0", "0"),
        ("-1.5", "-1.5"),
        ("nan", "NaN"),
        ("inf", "Infinity"),
        ("1e10", "10000000000.0"),
        ("9" * 400, "9" * 57 + "..."),
        ("true", "true"),
        ("'2'", '"2"'),
        ("2026-01-01", '"2026-01-01"'),
        ("{ co = 1 }", '{"co": 1}'),
    ],
)
def test_a_boost_that_is_no_positive_finite_number_is_refused(tmp_path, value, shown):
    expected = f"rules.toml: boost.products.P1 = {shown}: expected a number above 0 and at most 1e+09"
    assert refusal(tmp_path, f"[boost]\nproducts = {{ P1 = {value} }}") == expected


def test_one_thing_in_boost_and_in_bury_is_refused(tmp_path):
    text = "[boost]\nbrands = { Acme = 1 }\n[bury]\nbrands = { Acme = 2 }"
    assert refusal(tmp_path, text) == "rules.toml: bury.brands.Acme = 2.0: expected it in boost or in bury, not in both"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[hide]\nbrands = [Acme]", "line 2"),
        ("[hide]\nbrands = ['a'\n\n", "line 4"),
        ("[hide]\nbrands = []\nbrands = []", "line 3"),
        (b"[hide]\n\nbrands = ['\xff']", "line 3"),
    ],
)
def test_what_is_not_toml_is_refused_by_its_line(tmp_path, text, line):
    message = refusal(tmp_path, text)
    assert message.startswith("rules.toml: ") and line in message and "\n" not in message
    assert "expected TOML" in message


def test_a_name_over_two_lines_does_not_break_the_line_of_the_refusal(tmp_path):
    assert "\n" not in refusal(tmp_path, '[boost]\nbrands = { "A\\nB" = 0 }\n')


@pytest.mark.parametrize("path", [Path("nowhere") / "rules.toml", Path()])
def test_a_file_that_cannot_be_read_is_refused(path):
    with pytest.raises(WrongRulesError, match=r"expected a TOML file with hide, boost or bury"):
        shop_rules.read(path)


def test_ten_thousand_products_are_read(tmp_path):
    text = "[boost.products]\n" + "".join(f'"P{number}" = 1\n' for number in range(10_000))
    assert len(shop_rules.read(written(tmp_path, text)).rows) == 10_000
