"""Whatever is asked of the API, made from its own description: no error of ours, and no answer that is not in it."""

import httpx
import hypothesis
import planted
import pytest
import schemathesis
import segmented
from hypothesis import given
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import served
from test_api import shop

pytestmark = pytest.mark.slow
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 30


@pytest.fixture(scope="module")
def address(spark, tmp_path_factory):
    settings = shop(spark, tmp_path_factory.mktemp("schema"))
    segmented.of(settings, {"U00001": 1, "U00002": 1, "U00003": 2}, correlations=segmented.CORRELATIONS)
    planted.keep(settings)
    with served(settings) as address:
        yield address


def test_no_request_ends_in_an_error_of_ours_or_in_an_answer_that_nobody_documented(address, subtests):
    document = httpx.get(f"{address}/openapi.json").json()
    _hasten(document["paths"]["/stream"]["get"])
    described = schemathesis.openapi.from_dict(document)
    for found in described.get_all_operations():
        operation = found.ok()
        with subtests.test(operation.label):
            _ask(operation, address)


def _hasten(stream: dict) -> None:
    """It has no end of its own: here each that is asked for has one after a moment."""
    (seconds,) = [one for one in stream["parameters"] if one["name"] == "seconds"]
    seconds |= {"required": True, "schema": {"type": "number", "minimum": 0.01, "maximum": 0.1}}


def _ask(operation, address: str) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def asked(case):
        case.call_and_validate(base_url=address, checks=CHECKS)

    asked()
