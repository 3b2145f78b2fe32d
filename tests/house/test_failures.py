"""The one table of failures: complete, and kind to peers."""

import pytest

from e2ad.core import errors
from e2ad.core.errors import TABLE, Failure, answer
from e2ad.smtp.replies import reply_for


def every_failure(root: type[Failure] = Failure) -> list[type[Failure]]:
    """`Failure` and all that descends from it inside e2ad."""
    return [root, *(found for child in root.__subclasses__() for found in every_failure(child))]


@pytest.mark.parametrize("failure", every_failure(), ids=lambda failure: failure.__name__)
def test_every_failure_has_its_row_and_a_sentence(failure: type[Failure]) -> None:
    assert failure in TABLE
    assert failure.__doc__
    assert failure().message


@pytest.mark.parametrize("failure", list(TABLE), ids=lambda failure: failure.__name__)
def test_reply_and_enhanced_code_are_of_one_class(failure: type[Failure]) -> None:
    smtp = TABLE[failure].smtp
    assert str(smtp.code)[0] == smtp.enhanced[0]
    assert smtp.code // 100 in (4, 5)


@pytest.mark.parametrize("error", [ValueError("boom"), OSError(5, "disk"), KeyError("x"), errors.Unavailable()])
def test_an_accident_of_ours_is_never_a_permanent_refusal(error: Exception) -> None:
    assert answer(error).status >= 500
    reply = reply_for(error).to_bytes()
    assert reply.startswith(b"451 4.3.")
    assert b"boom" not in reply


def test_what_may_be_repeated_is_told_so() -> None:
    again = {row.code for row in TABLE.values() if row.again}
    assert {"rate_limited", "idempotency_in_flight", "internal_error", "limits_unavailable"} <= again
    assert all(row.status in (400, 409, 429) or row.status >= 500 for row in TABLE.values() if row.again)
