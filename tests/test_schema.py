"""Whatever is asked of the API, made from its own description: no error of ours, and no answer that is not in it."""

import hypothesis
import pytest
import schemathesis
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
    with served(shop(spark, tmp_path_factory.mktemp("schema"))) as address:
        yield address


def test_no_request_ends_in_an_error_of_ours_or_in_an_answer_that_nobody_documented(address, subtests):
    described = schemathesis.openapi.from_url(f"{address}/openapi.json")
    for found in described.get_all_operations():
        operation = found.ok()
        with subtests.test(operation.label):
            _ask(operation, address)


def _ask(operation, address: str) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def asked(case):
        case.call_and_validate(base_url=address, checks=CHECKS)

    asked()
