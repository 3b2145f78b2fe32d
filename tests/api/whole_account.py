"""An account that has a row in every table that rows of accounts are in."""

from collections.abc import Mapping
from typing import Any

from e2ad.core.outbound import Draft, encode_draft, sha256_of
from e2ad.gateway.mint import new_id
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Database
from tests import factories
from tests.factories import EPOCH, insert

DOMAIN = "own.example"
AGENT = f"bot@{DOMAIN}"
OUTSIDER = "ada@example.org"
COUNTS = {"codes": ["=messages"], "messages": [1], "observations": [1]}


async def fill(database: Database, account_id: str) -> dict[str, str]:
    """One row at least in each table; the ids of its messages by what they are."""
    await factories.domain(database, DOMAIN, account_id)
    await factories.agent(database, account_id, AGENT)
    await factories.api_key(database, account_id, agent_email=AGENT)
    received = await factories.message(
        database,
        account_id,
        AGENT,
        authentication=Jsonb(AUTHENTICATED),
        verified_domain="example.org",
        labels=["urgent"],
        scan_score=0.7,
        scan_action="flag",
    )
    sent = (await factories.sent(database, account_id, (OUTSIDER,), AGENT)).message_id
    held = await factories.message(
        database,
        account_id,
        AGENT,
        raw=None,
        direction="outbound",
        body_text="Shall I?",
        subject="Held",
        review_status="pending_review",
        review_expires_at=EPOCH,
        message_type="send",
    )
    await insert(
        database, "oauth_clients", {"id": "client", "name": "A program", "redirect_uris": ["http://localhost/"]}
    )
    await insert(
        database,
        "domain_keys",
        {
            "domain": DOMAIN,
            "selector": "e2a1",
            "algorithm": "rsa-2048",
            "sealed_private_key": b"sealed private key",
            "record": "v=DKIM1; k=rsa; p=MIIB",
        },
    )
    for table, values in rows(received, sent, held).items():
        await insert(database, table, {"account_id": account_id, **values})
    await insert(database, "rate_windows", {"subject": f"poll:{account_id}", "window_start": EPOCH, "used": 1})
    return {"received": received, "sent": sent, "held": held}


AUTHENTICATED: Mapping[str, Any] = {
    "spf": {"status": "pass", "domain": "example.org", "aligned": True},
    "dkim": [{"status": "pass", "domain": "example.org", "selector": "s", "aligned": True}],
    "dmarc": {"status": "pass", "domain": "example.org", "policy": "reject", "aligned_by": ["dkim"]},
}


def rows(received: str, sent: str, held: str) -> dict[str, dict[str, Any]]:
    """What the other factories do not write, parents before children."""
    draft = encode_draft(Draft(agent_email=AGENT, to=(OUTSIDER,), subject="Held", text="Shall I?"))
    now, grant, hook, event = EPOCH, new_id("grant_"), new_id("wh_"), new_id("evt_")
    delivery = new_id("whd_")
    return {
        "signing_secrets": {"id": "wsec_1", "name": "n", "sealed_secret": b"sealed signing secret"},
        "intake_keys": {"agent_email": AGENT, "key": b"k", "message_id": received},
        "webhooks": {
            "id": hook,
            "url": "https://hooks.example.com/",
            "events": ["email.received"],
            "sealed_secret": b"sealed webhook secret",
        },
        "events": {
            "id": event,
            "type": "email.received",
            "agent_email": AGENT,
            "envelope": f'{{"id":"{event}","data":{{}}}}',
        },
        "deliveries": {
            "id": delivery,
            "endpoint": hook,
            "kind": "webhook",
            "event_id": event,
            "event_type": "email.received",
        },
        "delivery_attempts": {"delivery_id": delivery, "number": 1, "at": now, "took": 12, "status_code": 200},
        "replays": {"id": new_id("rpl_"), "target": "endpoints", "filter": Jsonb({}), "events": 1, "deliveries": 1},
        "idempotency_keys": {"key": "k", "fingerprint": b"f"},
        "lifecycle": {"id": new_id("mlt_"), "message_id": sent, "reason_code": "acceptance.outbound_api"},
        "suppressions": {"agent_email": AGENT, "address": OUTSIDER, "source": "unsubscribe"},
        "unsubscribe_tokens": {"token_sha256": b"t" * 32, "agent_email": AGENT, "address": OUTSIDER},
        "holds": {
            "message_id": held,
            "agent_email": AGENT,
            "direction": "outbound",
            "reason": Jsonb({"type": "send", "code": "review_required", "summary": "Every mail is held."}),
            "on_expiry": "reject",
        },
        "hold_revisions": {
            "message_id": held,
            "revision": 1,
            "draft": draft,
            "sha256": sha256_of(draft),
            "editor": AGENT,
        },
        "notices": {"id": new_id("ntc_"), "kind": "review", "recipient": "owner@example.com", "content": b"c"},
        "sending_ramps": {"domain": DOMAIN},
        "templates": {"id": new_id("tmpl_"), "name": "Hello", "subject": "Hi {{name}}", "body_text": "Hello"},
        "contacts": {"address": OUTSIDER, "source": "manual", "etag": b"e" * 16, "metadata": Jsonb({"vip": True})},
        "contact_imports": {"id": "imp_1"},
        "engagements": {"agent_email": AGENT, "address": OUTSIDER, "stage": "new", "etag": b"e" * 16},
        "correspondents": {"agent_email": AGENT, "address": OUTSIDER, "skeleton": OUTSIDER, "last_inbound_at": now},
        "sender_evidence": {"agent_email": AGENT, "address": OUTSIDER, "mechanism": "dkim", "domain": "example.org"},
        "protection_events": {
            "id": new_id("scr_"),
            "agent_email": AGENT,
            "message_id": received,
            "direction": "inbound",
            "source": "scan",
            "reason": "hidden text",
            "action": "flag",
        },
        "screenings": {"message_id": received},
        "message_search": {"message_id": received, "document": "hello"},
        "search_queue": {"message_id": sent, "created_at": now},
        "metrics_progress": {"counted_until": now},
        "queue_hours": {"hour": now, "queue": "outbound", "most": 1},
        "metrics_hours": {"agent_email": AGENT, "hour": now, "direction": "inbound", **COUNTS},
        "metrics_days": {"agent_email": AGENT, "day": now, "direction": "inbound", **COUNTS},
        "metrics_stale": {"hour": now},
        "audit_log": {
            "at": now,
            "actor_kind": "key",
            "actor": "apk_1",
            "action": "review.approved",
            "subject": held,
            "evidence": Jsonb({}),
        },
        "sessions": {"token_sha256": b"s" * 32, "expires_at": now},
        "sign_in_links": {
            "token_sha256": b"l" * 32,
            "browser_sha256": b"b" * 32,
            "onward": "",
            "expires_at": now,
        },
        "oidc_identities": {"issuer": "https://id.example", "subject": "1", "email": "owner@example.com"},
        "oauth_grants": {"id": grant, "client_id": "client", "scope": "agent", "agent_email": AGENT},
        "oauth_codes": {
            "code_sha256": b"c" * 32,
            "grant_id": grant,
            "client_id": "client",
            "redirect_uri": "http://localhost/",
            "challenge": "c",
            "expires_at": now,
        },
        "oauth_tokens": {"token_sha256": b"a" * 32, "kind": "access", "grant_id": grant, "expires_at": now},
    }
