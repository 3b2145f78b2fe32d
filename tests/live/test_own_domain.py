"""A deployment without a shared domain: its own name is that of its mail server, also for what comes back."""

import pytest

from tests.live.conftest import Deployment
from tests.live.running import wait_until

pytestmark = pytest.mark.live

REPORT = """\
From: MAILER-DAEMON@far.test\r
To: {to}\r
Subject: Undelivered\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
Nobody.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; far.test\r
\r
Final-Recipient: rfc822; bot@acme.test\r
Action: failed\r
Status: 5.1.1\r
\r
--b--\r
"""


def test_reports_come_back_to_the_mail_server(deployment: Deployment) -> None:
    with deployment.serving(SHARED_DOMAIN="", SMTP_DOMAIN="mx.e2a.test", DOMAINS_ASSUME_VERIFIED="true") as running:
        assert running.api("POST", "/v1/domains", {"domain": "acme.test"})[0] == 201
        assert running.api("POST", "/v1/domains/acme.test/verify")[1]["verified"]
        assert running.api("POST", "/v1/agents", {"email": "bot@acme.test"})[0] == 201
        status, sent = running.api("POST", "/v1/agents/bot@acme.test/test")
        assert status == 202, sent
        path = f"/v1/agents/bot@acme.test/messages/{sent['message_id']}"
        wait_until(lambda: running.api("GET", path)[1]["delivery_status"] == "sent")
        shown = running.api("GET", path)[1]
        assert shown["header_from"] == "noreply@mx.e2a.test"
        assert shown["envelope_from"].endswith("@mx.e2a.test")
        running.send(shown["envelope_from"], REPORT.format(to=shown["envelope_from"]), sender="")
        (heard,) = wait_until(lambda: deployment.facts(running.process, "feedback_heard"))
        assert (heard["message"], heard["source"]) == (sent["message_id"], "report")
