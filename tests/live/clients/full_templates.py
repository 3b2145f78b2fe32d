"""Run by an interpreter that has e2a==5.8.1: templates by the full client, unchanged, against a running server."""

import json
import sys

from e2a.v1 import E2AClient, E2AConflictError, E2ALimitExceededError, E2ANotFoundError, E2AValidationError

told = json.loads(sys.argv[1])
base, key, domain = told["api_url"], told["api_key"], told["shared_domain"]
email = f"full-templates@{domain}"
ORDER = {"name": "Order", "alias": "order", "subject": "Order {{id}}", "text": "Dear {{user.name}}: {{price}}"}


def refused(kind: type[Exception], code: str, call: object, *arguments: object, **named: object) -> Exception:
    try:
        call(*arguments, **named)
    except kind as error:
        assert error.code == code, (error.code, error)
        return error
    raise AssertionError(f"{call} must be refused with {kind.__name__}")


with E2AClient(api_key=key, base_url=base) as client:
    client.agents.create({"email": email, "name": "T"})
    templates = client.templates

    # Starters: listed page by page, shown whole, each one valid and copied as it is.
    starters = list(templates.list_starters(limit=3))
    assert len(starters) == 7, starters
    assert [one.alias for one in starters] == sorted(one.alias for one in starters)
    for one in starters:
        shown = templates.get_starter(one.alias)
        data = {value.name: value.example for value in shown.variables}
        tried = templates.validate(
            {"subject": shown.subject, "text": shown.text, "html": shown.html, "test_data": data}
        )
        assert tried.valid, tried
        assert set(tried.suggested_data) == set(data), tried.suggested_data
        copied = templates.create({"from_starter": one.alias})
        assert (copied.from_starter_version, copied.html) == ("1.0.0", shown.html)
    refused(E2ANotFoundError, "starter_template_not_found", templates.get_starter, "none")

    # One's own: made, changed, found again, and no more than there is room for.
    made = templates.create({**ORDER, "html": "<p>{{user.name}}"})
    refused(E2AConflictError, "alias_taken", templates.create, ORDER)
    assert templates.update(made.id, {"html": ""}).html is None
    assert templates.get(made.id).alias == "order"
    assert next(iter(templates.list(limit=1))).id == made.id
    assert len(list(templates.list(limit=3))) == 8
    error = refused(E2AValidationError, "invalid_template", templates.update, made.id, {"text": "a\n{{#each}}"})
    assert error.details["part"] == "text", error.details
    assert "line 2, column 1" in error.details["message"], error.details
    bad = templates.validate({"subject": "{{", "text": "{{a.b}}"})
    assert (bad.valid, bad.errors[0].part, bad.suggested_data) == (False, "subject", {"a": {"b": "b_value"}}), bad
    for number in range(2):
        templates.create({**ORDER, "alias": f"more{number}"})
    refused(E2ALimitExceededError, "template_limit_reached", templates.create, {**ORDER, "alias": "one-too-many"})

    # Sent: the words are the template's, the values the caller's.
    data = {"id": 7, "user": {"name": "Ada"}, "price": 1.5}
    sent = client.messages.send(
        email, {"to": [email], "template_alias": "order", "template_data": data}, idempotency_key="templates-once"
    )
    mail = client.messages.get(email, sent.message_id)
    assert (mail.subject, mail.parsed.text.strip()) == ("Order 7", "Dear Ada: 1.5"), mail
    refused(E2ANotFoundError, "template_not_found", client.messages.send, email, {"to": [email], "template_id": "x"})
    request = {"to": [email], "template_id": made.id, "template_data": {"id": "x\r\nBcc: eve@people.test"}}
    refused(E2AValidationError, "template_render_failed", client.messages.send, email, request)
    templates.update(made.id, {"subject": "{{id}}"})
    request = {"to": [email], "template_id": made.id}
    error = refused(E2AValidationError, "template_rendered_empty", client.messages.send, email, request)
    assert error.details == {"part": "subject", "variables": ["id"]}, error.details

    for one in list(templates.list()):
        assert templates.delete(one.id).deleted
    refused(E2ANotFoundError, "template_not_found", templates.delete, made.id)
    assert list(templates.list()) == []
    client.agents.delete(email)
print("ok")
