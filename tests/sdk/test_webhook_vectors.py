"""What a request is worth: the same table for this client and for the TypeScript one."""

import json
from pathlib import Path
from typing import Any

import pytest

from e2ad.sdk.errors import E2AWebhookSignatureError, UnverifiedEmailError
from e2ad.sdk.webhooks import parse_webhook

VECTORS = json.loads((Path(__file__).parent / "webhook_vectors.json").read_text())


@pytest.mark.parametrize("case", VECTORS["cases"], ids=[case["name"] for case in VECTORS["cases"]])
def test_a_request(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("E2A_WEBHOOK_SECRET", raising=False)
    expect = dict(case["expect"])
    arguments = (case["body"].encode(), case["headers"], case["secret"])
    if "reason" in expect:
        with pytest.raises(E2AWebhookSignatureError) as caught:
            parse_webhook(*arguments, now=VECTORS["now"])
        assert caught.value.details["reason"] == expect["reason"]
        return
    email = parse_webhook(*arguments, now=VECTORS["now"])
    assert email.verified
    for attachment, told in zip(email.attachments, expect.pop("attachments"), strict=True):
        data = attachment.data.decode() if attachment.data is not None else None
        names = ("index", "filename", "content_type", "size_bytes")
        assert {name: getattr(attachment, name) for name in names} | {"data": data} == told
    assert {name: getattr(email, name) for name in expect} == expect
    with pytest.raises(UnverifiedEmailError):
        _ = parse_webhook(case["body"], case["headers"]).subject
