"""For each tool a call that works in `tests.api.world`."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.api.world import ADDRESS, AGENT, DOMAIN, HELD_BY, TRASHED, World
from tests.zone import HOOK

Arguments = Mapping[str, Any]

SURE = {"confirm": True}
MINE = {"email": AGENT}
MAIL = {"to": ["ada@example.org"], "subject": "Hi", "text": "Hello"}

RUNTIME: Mapping[str, Callable[[World], Arguments]] = {
    "whoami": lambda _: {},
    "get_agent": lambda _: MINE,
    "list_messages": lambda _: {"direction": "all", **MINE},
    "get_message": lambda w: {"message_id": w.message, **MINE},
    "get_message_lifecycle": lambda w: {"message_id": w.sent, "limit": 1, **MINE},
    "get_attachment": lambda w: {"message_id": w.message, "attachment_index": 0, "inline": True, **MINE},
    "send_message": lambda _: MAIL | MINE,
    "reply_to_message": lambda w: {"message_id": w.message, "text": "Hello", "quote_history": True, **MINE},
    "forward_message": lambda w: {"message_id": w.message, "to": ["bob@example.org"], **MINE},
    "update_message_labels": lambda w: {"message_id": w.message, "add_labels": ["x"], **MINE},
    "delete_message": lambda w: {"message_id": w.message, **MINE, **SURE},
    "restore_message": lambda w: {"message_id": w.trashed, **MINE},
    "list_conversations": lambda _: MINE,
    "get_conversation": lambda w: {"conversation_id": w.conversation, **MINE},
    "get_agent_metrics": lambda _: MINE,
    "list_outreach_contacts": lambda _: {"stage": "new", "replied": False, **MINE},
    "get_outreach_contact": lambda _: {"address": ADDRESS, **MINE},
    "set_outreach_contact": lambda _: {"address": ADDRESS, "stage": "done", "next_action_at": None, **MINE},
    "delete_outreach_contact": lambda _: {"address": ADDRESS, **MINE, **SURE},
}

ADMIN: Mapping[str, Callable[[World], Arguments]] = {
    "list_agents": lambda _: {"limit": 1},
    "create_agent": lambda _: {"email": "new@agents.localhost", "name": "New"},
    "update_agent": lambda _: {"name": "Else", **MINE},
    "get_protection": lambda _: {"email": HELD_BY},
    "update_protection": lambda _: {"inbound_gate_policy": "domain", "holds_ttl_seconds": 60, "email": HELD_BY},
    "delete_agent": lambda _: MINE | SURE,
    "restore_agent": lambda _: {"email": TRASHED},
    "list_reviews": lambda _: {},
    "get_review": lambda w: {"message_id": w.held},
    "approve_review": lambda w: {"message_id": w.held, "subject": "Better"},
    "reject_review": lambda w: {"message_id": w.also_held, "reason": "no"},
    "list_domains": lambda _: {},
    "get_domain": lambda _: {"domain": DOMAIN},
    "register_domain": lambda _: {"domain": "new.example.com"},
    "verify_domain": lambda _: {"domain": DOMAIN},
    "delete_domain": lambda _: {"domain": DOMAIN, **SURE},
    "list_webhooks": lambda _: {},
    "get_webhook": lambda w: {"id": w.webhook},
    "create_webhook": lambda _: {
        "url": HOOK,
        "events": ["email.received"],
        "filters": {"agent_emails": [AGENT]},
    },
    "update_webhook": lambda w: {"id": w.webhook, "enabled": False},
    "delete_webhook": lambda w: {"id": w.webhook, **SURE},
    "rotate_webhook_secret": lambda w: {"id": w.webhook},
    "test_webhook": lambda w: {"id": w.webhook, "type": "email.received"},
    "list_webhook_deliveries": lambda w: {"id": w.webhook, "status": "delivered"},
    "list_events": lambda _: {"type": "email.received", "limit": 1},
    "get_event": lambda w: {"event_id": w.event},
    "redeliver_event": lambda w: {"event_id": w.event},
    "list_templates": lambda _: {},
    "get_template": lambda w: {"id": w.template},
    "create_template": lambda _: {"name": "n", "subject": "Hi {{name}}", "text": "Hello"},
    "update_template": lambda w: {"id": w.template, "name": "other"},
    "delete_template": lambda w: {"id": w.template, **SURE},
    "validate_template": lambda _: {"subject": "Hi {{name}}", "text": "Hello", "test_data": {"name": "Ada"}},
    "list_starter_templates": lambda _: {},
    "get_starter_template": lambda _: {"alias": "welcome"},
    "list_api_keys": lambda _: {},
    "create_api_key": lambda _: {"agent_email": AGENT, "name": "x", "expires_at": "2126-01-01T00:00:00Z"},
    "delete_api_key": lambda w: {"id": w.key, **SURE},
    "list_contacts": lambda w: {"source": "import", "import_batch_id": w.batch},
    "get_contact": lambda _: {"address": ADDRESS},
    "create_contact": lambda _: {"address": "new@example.org", "metadata": {"a": 1}, "idempotency_key": "k"},
    "update_contact": lambda _: {"address": ADDRESS, "display_name": "Ada"},
    "delete_contact": lambda _: {"address": ADDRESS, **SURE},
    "import_contacts": lambda _: {"contacts": [{"address": "one@example.org"}], "on_conflict": "skip"},
    "delete_contact_import": lambda w: {"batch_id": w.batch, **SURE},
    "list_suppressions": lambda _: {},
    "delete_suppression": lambda _: {"address": ADDRESS, **SURE},
    "list_agent_suppressions": lambda _: MINE,
    "create_agent_suppression": lambda _: {"address": "no@example.org", "reason": "asked for it", **MINE},
    "delete_agent_suppression": lambda _: {"address": ADDRESS, **MINE, **SURE},
    "get_account_metrics": lambda _: {"bucket": "day", "group_by": "agent"},
    "get_sending_access_request": lambda _: {},
    "request_sending_access": lambda _: {},
}

ALIASES: Mapping[str, Callable[[World], Arguments]] = {
    "send_email": lambda _: {
        "to": ["ada@example.org"],
        "subject": "Hi",
        "body": "Hello",
        "html_body": "<p>Hello</p>",
        "agent_email": AGENT,
    },
    "get_attachment_data": RUNTIME["get_attachment"],
    "list_pending_messages": lambda _: {},
    "get_pending_message": ADMIN["get_review"],
    "approve_pending_message": lambda w: {"message_id": w.held, "body_text": "Better", "body_html": "<p>Better</p>"},
    "approve_message": ADMIN["approve_review"],
    "reject_pending_message": ADMIN["reject_review"],
    "reject_message": ADMIN["reject_review"],
}
OF_ACCOUNT = {
    **ADMIN,
    **{name: call for name, call in ALIASES.items() if name not in ("send_email", "get_attachment_data")},
}
CALLS = {**RUNTIME, **ADMIN, **ALIASES}
