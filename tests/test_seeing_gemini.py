"""Gemini: what it is asked, what is made of its answers, and that the key stays where it belongs."""

import base64
import json
import logging
import os
import time

import pytest
from standing_in import Answer, standing_in

from spark_app.blocks import Interests
from spark_app.interests.seeing import gemini
from spark_app.interests.seeing.gemini import GeminiError
from spark_app.settings import Given, Settings

KEY = "AIza-not-a-key"


def answer(*texts, **more):
    parts = [{"text": text} for text in texts]
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}
    return Answer(body=json.dumps({"candidates": [candidate], "usageMetadata": {}} | more).encode())


def error(code, status, message="", **more):
    return Answer(code, json.dumps({"error": {"code": code, "message": message, "status": status} | more}).encode())


def settings_of(server, key=KEY):
    return Given(interests=Interests(gemini_url=server.url, gemini_model="gemini-2.0-flash"), google_api_key=key)


def refused(*answers, **asked):
    with standing_in(*answers) as server, pytest.raises(GeminiError) as raised:
        gemini.complete(settings_of(server), "Say so.", pauses=(0.01,), **asked)
    assert KEY not in str(raised.value) and "\n" not in str(raised.value)
    return str(raised.value), len(server.asked)


def test_a_prompt_is_sent_as_documented_and_the_parts_of_the_answer_are_joined():
    with standing_in(answer("Cats need ", "toys.\n")) as server:
        assert gemini.complete(settings_of(server), "What do cats need?") == "Cats need toys."
    ((method, path, headers, body),) = server.asked
    assert (method, path) == ("POST", "/v1beta/models/gemini-2.0-flash:generateContent")
    given = {name.lower(): value for name, value in headers.items()}
    assert (given["x-goog-api-key"], given["content-type"]) == (KEY, "application/json")
    assert json.loads(body)["contents"] == [{"role": "user", "parts": [{"text": "What do cats need?"}]}]


def test_a_picture_is_sent_inline_beside_the_question():
    with standing_in(answer("kitten\ntreats")) as server:
        assert gemini.described(settings_of(server), b"a picture") == "kitten treats"
    question, picture = json.loads(server.asked[0][3])["contents"][0]["parts"]
    assert question["text"] == gemini.QUESTION
    assert picture["inline_data"]["mime_type"] == "image/png"
    assert base64.b64decode(picture["inline_data"]["data"]) == b"a picture"


def test_what_it_thought_is_not_what_it_says():
    candidate = {"content": {"parts": [{"text": "Hm.", "thought": True}, {"text": "Toys."}]}}
    assert gemini.said({"candidates": [candidate]}) == "Toys."


@pytest.mark.parametrize("code", [429, 500, 503])
def test_what_may_pass_is_asked_again(code):
    with standing_in(error(code, "UNAVAILABLE"), answer("Toys.")) as server:
        assert gemini.complete(settings_of(server), "?", pauses=(0.01,)) == "Toys."
    assert len(server.asked) == 2


def test_it_waits_as_long_as_it_is_told():
    wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.3s"}
    begun = time.monotonic()
    with standing_in(error(429, "RESOURCE_EXHAUSTED", details=[wait]), answer("Toys.")) as server:
        gemini.complete(settings_of(server), "?", pauses=(0.01,))
    assert time.monotonic() - begun > 0.3


def test_a_pause_beyond_the_time_is_not_waited_for():
    told = Answer(429, headers={"Retry-After": "3600"})
    assert refused(told, seconds=2) == ("Gemini answers 429: no reason given", 1)


@pytest.mark.parametrize(
    ("given", "words", "times"),
    [
        (error(400, "INVALID_ARGUMENT", f"API key {KEY}\nis not valid"),
         "Gemini answers 400 INVALID_ARGUMENT: API key ******** is not valid", 1),
        (error(404, "NOT_FOUND", "no such model"), "Gemini answers 404 NOT_FOUND: no such model", 1),
        (error(503, "UNAVAILABLE", "overloaded"), "Gemini answers 503 UNAVAILABLE: overloaded", 2),
        (Answer(502, b"<html>bad gateway</html>"), "Gemini answers 502: no reason given", 2),
        (Answer(302, headers={"Location": "http://127.0.0.1:9/"}), "Gemini answers 302: no reason given", 1),
        (Answer(body=b"<html>"), "Gemini's answer is not JSON", 1),
        (Answer(body=b"[1]"), "Gemini's answer has another form than documented", 1),
        (Answer(body=b'{"promptFeedback": {"blockReason": "SAFETY"}}'), "Gemini gives no answer (SAFETY)", 1),
        (Answer(body=b'{"candidates": [{"finishReason": "MAX_TOKENS", "content": {"role": "model"}}]}'),
         "Gemini gives no answer (MAX_TOKENS)", 1),
        (Answer(body=b"{}"), "Gemini gives no answer (no candidate)", 1),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line_without_the_key(given, words, times):
    assert refused(given) == (words, times)


def test_a_service_that_is_not_there_is_named():
    with standing_in(answer("")) as server:
        settings = settings_of(server)
    with pytest.raises(GeminiError, match="Gemini cannot be reached"):
        gemini.complete(settings, "?", pauses=())


def test_an_answer_that_does_not_come_is_not_waited_for():
    slow = Answer(body=b"{}" * 50, slowly=0.1)
    assert refused(slow, seconds=0.3)[0] == "Gemini cannot be reached (its answer does not end)"


@pytest.mark.parametrize("key", ["", "  ", f"{KEY}\nX-Other: 1", f"{KEY} "])
def test_without_a_key_nobody_is_asked(key):
    with standing_in(answer("Toys.")) as server, pytest.raises(GeminiError) as raised:
        gemini.complete(settings_of(server, key), "?")
    assert not server.asked and KEY not in str(raised.value)


def test_the_key_is_not_logged(caplog, capfd):
    with caplog.at_level(logging.DEBUG), standing_in(error(503, "UNAVAILABLE"), answer("Toys.")) as server:
        gemini.complete(settings_of(server), "?", pauses=(0.01,))
    assert KEY not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.skipif(not os.environ.get("GOOGLE_API_KEY"), reason="GOOGLE_API_KEY is not set")
def test_gemini_itself_answers():
    assert "4" in gemini.complete(Settings(_env_file=None), "What is 2 + 2? Answer with the number alone.")
