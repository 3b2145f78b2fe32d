"""Run by an interpreter that has e2a==5.8.1: an account's data by the full client, unchanged, against a running server."""

import json
import sys
from datetime import UTC, datetime, timedelta

from e2a.v1 import E2AAuthError, E2AClient, E2AError

told = json.loads(sys.argv[1])
base, domain = told["api_url"], told["shared_domain"]
email = f"full-account@{domain}"

with E2AClient(api_key=told["api_key"], base_url=base) as client:
    client.agents.create({"email": email, "name": "T"})
    sent = client.messages.send(email, {"to": [email], "subject": "To myself", "text": "Hello"})

    end = datetime.now(UTC) + timedelta(minutes=1)
    whole = client.account.metrics(start=end - timedelta(days=2), end=end, group_by="agent", bucket="day")
    assert (whole.summary.accepted, whole.agents[0].agent_email) == (1, email), whole
    assert (len(whole.buckets), whole.webhooks.success_rate) == (3, None), whole
    one = client.messages.get_metrics(email)
    assert one.agent_email == email, one
    assert one.summary.accepted == 1, one
    try:
        client.account.metrics(start=end - timedelta(days=93), end=end)
        raise AssertionError("93 days must be refused")
    except E2AError as error:
        assert error.code == "invalid_request", error

    export = client.account.export()
    assert export.schema_version == "4", export
    assert sent.message_id in {message.id for message in export.messages}, export.messages
    assert export.agents[0].email == email, export.agents
    assert export.additional_properties["templates"] == [], export.additional_properties

    gone = client.account.delete()
    assert (gone.deleted, gone.user_deleted, gone.agents_deleted) == (True, True, 1), gone
    try:
        client.account.get()
        raise AssertionError("the key must have stopped")
    except E2AAuthError as error:
        assert error.status == 401, error
print("ok")
