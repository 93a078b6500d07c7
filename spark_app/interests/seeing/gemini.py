"""A prompt, and a picture with it -> what Gemini says, over its HTTP interface (models.generateContent of v1beta).

It is asked only where a key is set. The key goes into a header, to the address of the settings alone, and into no
message. What may pass is asked again after a pause: too many requests, a service that is not there for a moment.
"""

import base64
import http.client
import json
import re
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from spark_app.settings import Settings

SECONDS = 60.0  # of all attempts
PAUSES = (1.0, 2.0, 4.0)  # before the second, third and fourth attempt
MAY_PASS = {429, 500, 502, 503, 504}
MOST_BYTES = 5_000_000
QUESTION = (
    "Which words are written in this picture, and what does it show? "
    "Answer with those words, then one short sentence, and nothing else."
)


class GeminiError(RuntimeError):
    """Gemini gave no answer; the message is one line, without the key."""


class _PassingError(GeminiError):
    """What may be otherwise a little later; `after` so many seconds, where the answer says so."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


def has_key(settings: Settings) -> bool:
    """Whether it may be asked at all."""
    return bool(settings.google_api_key.get_secret_value())


def complete(
    settings: Settings, prompt: str, *, seconds: float = SECONDS, pauses: Sequence[float] = PAUSES
) -> str:
    """What Gemini says to a prompt, at the latest after so many seconds; raises GeminiError."""
    return _answer(settings, [{"text": prompt}], seconds, pauses)


def described(
    settings: Settings, png: bytes, *, seconds: float = SECONDS, pauses: Sequence[float] = PAUSES
) -> str:
    """The words in a picture and what it shows, in one line; raises GeminiError."""
    picture = {"inline_data": {"mime_type": "image/png", "data": base64.b64encode(png).decode()}}
    return " ".join(_answer(settings, [{"text": QUESTION}, picture], seconds, pauses).split())


def said(answer: Any) -> str:
    """The text of an answer's first candidate; GeminiError when there is none, with the reason that it gives."""
    try:
        first = (answer.get("candidates") or [{}])[0]
        parts = (first.get("content") or {}).get("parts") or []
        text = "".join(part.get("text", "") for part in parts if not part.get("thought")).strip()
        reason = first.get("finishReason") or (answer.get("promptFeedback") or {}).get("blockReason")
    except (AttributeError, KeyError, TypeError):
        raise GeminiError("Gemini's answer has another form than documented") from None
    if not text:
        raise GeminiError(f"Gemini gives no answer ({reason or 'no candidate'})")
    return text


def _answer(settings: Settings, parts: list[dict[str, Any]], seconds: float, pauses: Sequence[float]) -> str:
    """The first answer of several attempts."""
    request = _request(settings, parts)
    ends = time.monotonic() + seconds
    for pause in chain(pauses, [None]):
        try:
            return said(_asked(request, ends - time.monotonic()))
        except _PassingError as error:
            wait = None if pause is None else max(pause, error.after)
            if wait is None or time.monotonic() + wait >= ends:
                raise GeminiError(_masked(settings, str(error))) from None
            time.sleep(wait)
        except GeminiError as error:
            raise GeminiError(_masked(settings, str(error))) from None
    raise AssertionError("the last attempt returns or raises")


def _request(settings: Settings, parts: list[dict[str, Any]]) -> Request:
    key = settings.google_api_key.get_secret_value()
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        fault = "has what no key has, such as a blank" if key.strip() else "is not set"
        raise GeminiError(f"GOOGLE_API_KEY {fault}")
    model = quote(settings.interests.gemini_model.removeprefix("models/"), safe="")
    url = f"{settings.interests.gemini_url.rstrip('/')}/v1beta/models/{model}:generateContent"
    body = {"contents": [{"role": "user", "parts": parts}], "generationConfig": {"temperature": 0}}
    headers = {"Content-Type": "application/json", "x-goog-api-key": key}
    return Request(url, json.dumps(body).encode(), headers, method="POST")


def _asked(request: Request, seconds: float) -> Any:
    """The answer as JSON; _PassingError or GeminiError."""
    try:
        with _opener().open(request, timeout=max(seconds, 0.1)) as answer:
            return json.loads(_read(answer, time.monotonic() + seconds))
    except HTTPError as error:
        with error:
            raise _refused(error.code, error.read(MOST_BYTES), error.headers.get("Retry-After")) from None
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise _PassingError(f"Gemini cannot be reached ({' '.join(str(reason).split()) or 'no answer'})") from None
    except ValueError:
        raise GeminiError("Gemini's answer is not JSON") from None


def _read(answer: http.client.HTTPResponse, ends: float) -> bytes:
    """What comes until then."""
    content = bytearray()
    while len(content) < MOST_BYTES and (chunk := answer.read1(65_536)):
        content += chunk
        if time.monotonic() > ends:
            raise TimeoutError("its answer does not end")
    return bytes(content)


def _refused(code: int, body: bytes, retry_after: str | None) -> GeminiError:
    """What a status code and its body say."""
    told = _error_of(body)
    message = " ".join(str(told.get("message") or "no reason given").split())[:300]
    line = f"Gemini answers {code} {told.get('status') or ''}".strip() + f": {message}"
    if code not in MAY_PASS:
        return GeminiError(line)
    return _PassingError(line, max(chain([_seconds(retry_after)], map(_seconds, _delays(told)))))


def _error_of(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return told if isinstance(told, dict) else {}


def _delays(told: dict[str, Any]) -> Iterator[str]:
    """The delays of google.rpc.RetryInfo, such as 30s."""
    details = told.get("details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and isinstance(detail.get("retryDelay"), str):
            yield detail["retryDelay"]


def _seconds(text: str | None) -> float:
    found = re.fullmatch(r"(\d{1,6}(\.\d+)?)s?", (text or "").strip())
    return float(found[1]) if found else 0.0


def _masked(settings: Settings, message: str) -> str:
    key = settings.google_api_key.get_secret_value()
    return message.replace(key, "********") if key else message


class _Nowhere(HTTPRedirectHandler):
    """A redirection would take the key along."""

    def redirect_request(self, *_: Any) -> None:
        """None: it is an answer like any other that is no good."""


def _opener() -> OpenerDirector:
    return build_opener(_Nowhere)
