"""Guards: one for each type of event that there is, and each for its own alone."""

import pytest

from e2ad import sdk
from e2ad.core.events import EVENT_TYPES
from e2ad.sdk import WebhookEvent, WSEvent, guards


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_each_type_has_its_guard(kind: str) -> None:
    event = WebhookEvent(kind, "evt_1", "1", "2026-01-01T00:00:00Z", {})
    name = "is_" + kind.replace(".", "_")
    assert [one for one in guards.__all__ if getattr(sdk, one)(event)] == [name]


def test_there_is_no_guard_for_nothing() -> None:
    assert {"is_" + kind.replace(".", "_") for kind in EVENT_TYPES} == set(guards.__all__)


def test_a_frame_has_the_signed_finding() -> None:
    frame = {"type": "email.received", "id": "evt_1", "schema_version": "1", "created_at": "x", "data": {}}
    fields = {"X-E2A-Auth-Verified": "true"}
    assert WSEvent.from_payload({**frame, "auth_headers": fields}).auth_headers == fields
    assert WSEvent.from_payload(frame).auth_headers == {}
    assert "auth_headers" not in repr(WSEvent.from_payload({**frame, "auth_headers": fields}))
