"""What a post says, without addresses, mentions and markup, in any language."""

import pytest

from spark_app.interests.cleaning import cleaned, read, words


def test_addresses_and_mentions_go():
    assert cleaned("Look @bob.b at https://a.example/x?y=1 or www.b.example, mail me@c.example!") == "look at or mail !"


@pytest.mark.parametrize(
    ("hashtag", "said"),
    [
        ("#CozyLampShade", ["cozy", "lamp", "shade"]),
        ("#cozy_lamp2go", ["cozy", "lamp", "go"]),
        ("#NASALaunch2024", ["nasa", "launch"]),
        ("#ÉtéChaud", ["été", "chaud"]),
        ("#coffee", ["coffee"]),
    ],
)
def test_a_hashtag_is_split_where_a_word_begins(hashtag, said):
    assert read(hashtag) == said


def test_entities_and_tags_are_no_words():
    assert read("tea &amp; cake &#128512; <br/> I <3 it") == ["tea", "cake", "😀", "it"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Привет, мир", ["привет", "мир"]),
        ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("ﬁne ＦＵＬＬ", ["fine", "full"]),
        ("l'été à la mer", ["été", "la", "mer"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
    ],
)
def test_every_language_has_words(text, said):
    assert read(text) == said


@pytest.mark.parametrize("text", ["", "   ", "a 1 22 !?", "https://a.example", "@someone"])
def test_what_says_nothing_has_no_words(text):
    assert read(text) == []


def test_words_are_those_of_a_cleaned_text():
    assert words("so good good 100") == ["so", "good", "good"]
