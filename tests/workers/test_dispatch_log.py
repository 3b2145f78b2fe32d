"""What the log says of mail out: domains, and never whom it was for."""

from typing import Any

import pytest
import structlog

from e2ad import maillog


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        ("550 5.1.1 <joe@people.test>: no such user", "550 5.1.1 <*@people.test>: no such user"),
        ('550 "joe doe"@people.test, ann@b.test', "550 *@people.test, *@b.test"),
        ("250 2.0.0 Ok: queued as 4XyZ", "250 2.0.0 Ok: queued as 4XyZ"),
        ("", ""),
    ],
)
def test_relays_repeat_addresses_and_the_log_does_not(said: str, logged: str) -> None:
    with structlog.testing.capture_logs() as lines:
        maillog.dispatch_done("msg_1", 1, "bounced", wait_seconds=None, reason=said)
        maillog.dispatch_unknown("msg_1", 1, "people.test", said)
    seen: list[Any] = [line.get("reason", line.get("detail")) for line in lines]
    assert seen == [logged, logged]
