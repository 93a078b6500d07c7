"""What to do about a group, by the template and by one who answers prompts."""

import json

import pytest

from spark_app.interests import strategies

FACTS = {
    "group": 2, "label": "espresso, roast, grinder", "size": 240, "share": 0.12,
    "keywords": [["espresso", 0.9], ["roast", 0.6], ["grinder", 0.5], ["crema", 0.2], ["latte", 0.1]],
    "products": [{"product": "P1", "name": "Milk jug"}, {"product": "P2", "name": None}],
    "times": {"posts": {"weekday": "Thursday", "hour": "18 h"}, "buys": {"hour": "9 h"}},
}  # fmt: skip
PARTS = {"needs": "Beans.", "channels": "Fairs.", "tone": "Warm."}


def test_the_template_tells_a_group_by_its_own_words_numbers_and_times():
    found = strategies.of(FACTS)
    assert found.source == "template" and found.words == f"{found.needs} {found.channels} {found.tone}"
    assert "They talk about espresso, roast and grinder" in found.needs and "Milk jug and P2" in found.needs
    assert "240 users, 12 % of all" in found.channels and "#espresso and #roast" in found.channels
    assert "They post most on Thursdays around 18 h UTC and buy most around 9 h UTC" in found.channels
    assert "“crema” and “latte”" in found.tone


@pytest.mark.parametrize(("share", "said"), [(0.4, "newcomers"), (0.1, "to the point"), (0.01, "Personal")])
def test_how_large_a_group_is_decides_how_it_is_spoken_to(share, said):
    assert said in strategies.of(FACTS | {"share": share}).tone


def test_of_a_group_without_words_products_or_times_there_is_a_strategy_too():
    found = strategies.of({"group": 1, "label": "", "size": 1, "share": 1.0, "keywords": []})
    assert "ask them what they look for" in found.needs and "1 user, 100 % of all" in found.channels


def test_who_answers_prompts_is_told_the_facts_and_is_named_as_the_source():
    asked = []

    def complete(prompt):
        asked.append(prompt)
        return f"```json\n{json.dumps(PARTS)}\n```"

    assert strategies.of(FACTS, complete) == (*PARTS.values(), "Beans. Fairs. Warm.", "gemini")
    assert '"espresso"' in asked[0] and '"users": 240' in asked[0]


@pytest.mark.parametrize("answer", ["", "no JSON", "[]", '{"needs": "Beans."}', json.dumps(PARTS | {"tone": 3})])
def test_an_answer_that_is_none_leaves_the_template_and_is_told_in_a_line(answer):
    told = []
    assert strategies.of(FACTS, lambda _: answer, told.append) == strategies.of(FACTS)
    assert len(told) == 1 and told[0].startswith("the strategy of group 2 is the template's: ") and "\n" not in told[0]


def test_a_service_that_fails_leaves_the_template():
    def complete(_):
        raise OSError("503 after 3 tries")

    told = []
    assert strategies.of(FACTS, complete, told.append).source == "template" and "503 after 3 tries" in told[0]
