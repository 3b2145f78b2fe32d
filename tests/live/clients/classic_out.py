"""Run by an interpreter that has e2a==2.5.0: mail out by the classic client, unchanged, against a running server."""

import json
import smtplib
import sys
import time

from e2a.v1 import Attachment, E2AApiError, E2AClient

told = json.loads(sys.argv[1])
base, key, domain = told["api_url"], told["api_key"], told["shared_domain"]
host, _, port = told["smtp"].rpartition(":")


def refused(status: int, call: object, *arguments: object, **named: object) -> None:
    try:
        call(*arguments, **named)
    except E2AApiError as error:
        assert error.status_code == status, (error.status_code, error)
        return
    raise AssertionError(f"{call} must be refused with {status}")


def arrived(client: E2AClient, subject: str) -> object:
    for _ in range(100):
        for message in client.get_messages().messages:
            if message.subject == subject:
                return client.get_message(message.message_id)
        time.sleep(0.05)
    raise AssertionError(f"{subject} did not arrive")


client = E2AClient(api_key=key, base_url=base)
email = client.register_agent("classic-out", agent_mode="local").email
other = client.register_agent("classic-peer", agent_mode="local").email
client = E2AClient(api_key=key, base_url=base, agent_email=email)
peer = E2AClient(api_key=key, base_url=base, agent_email=other)

# Send: to people, to an agent, to oneself.
once = {"idempotency_key": "classic-out-once"}
sent = client.send(["Bob <BOB@people.test>"], "Hello", "Good morning", "<p>Good morning", cc=["c@people.test"], **once)
assert (sent.status, sent.method) == ("sent", "smtp"), sent
assert sent.message_id.startswith("<"), sent
assert sent.message_id.endswith(">"), sent
again = client.send(["Bob <BOB@people.test>"], "Hello", "Good morning", "<p>Good morning", cc=["c@people.test"], **once)
assert again == sent, again
refused(422, client.send, ["bob@people.test"], "Hello", "Another", **once)
assert client.send([email], "Note", "To myself").method == "loopback"
refused(400, client.send, ["nobody"], "Hello", "x")
refused(400, client.send, ["bob@people.test"], "Hello\r\nBcc: eve@people.test", "x")
file = Attachment(filename="a.csv", content_type="text/csv", data=b"1,2", size=3)
client.send([other], "Question", "How many?", conversation_id="conv_classic", attachments=[file])
question = arrived(peer, "Question")
assert question.sender == email, question.sender
assert question.auth.entity_type == "agent", question.auth
assert question.auth.verified is True, question.auth
assert question.conversation_id == "conv_classic", question.conversation_id
assert [(one.filename, one.data) for one in question.attachments] == [("a.csv", b"1,2")]

# Answer.
answered = question.reply("Two.")
assert answered.status == "sent", answered
answer = arrived(client, "Re: Question")
assert answer.text_body.strip() == "Two.", answer.text_body
assert answer.conversation_id == "conv_classic", answer.conversation_id
assert peer.reply(question.message_id, "Two, really.", reply_all=True, cc=["c@people.test"]).status == "sent"
refused(404, client.reply, "msg_" + "0" * 32, "x")
with smtplib.SMTP(host, int(port), local_hostname="sender.test") as smtp:
    raw = f"From: ada@example.test\r\nTo: {email}\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nAway\r\n"
    smtp.sendmail("ada@example.test", [email], raw)
refused(403, client.reply, arrived(client, "Away").message_id, "Are you there?")
assert client.api.send_test_email(email)["status"] == "sent"

# A person decides.
changed = client.update_agent(email, hitl_enabled=True, hitl_ttl_seconds=600, hitl_expiration_action="approve")
assert (changed.hitl_enabled, changed.hitl_ttl_seconds, changed.hitl_expiration_action) == (True, 600, "approve")
held = [client.send([f"bob{number}@people.test"], f"Offer {number}", "1,000 pieces") for number in range(3)]
assert {one.status for one in held} == {"pending_approval"}, held
assert client.api.send_test_email(email)["status"] == "pending_approval"
pending = [one for one in client.list_pending_messages().messages if one.agent_id == email]
assert {one.message_id for one in held} < {one.id for one in pending}, pending
assert sorted(one.type for one in pending) == ["send", "send", "send", "test"], pending
detail = client.get_pending_message(held[0].message_id)
assert (detail.body_text, detail.status, detail.to) == ("1,000 pieces", "pending_approval", ["bob0@people.test"]), (
    detail
)
approved = client.approve_message(held[0].message_id, subject="Offer", body_text="900 pieces", idempotency_key="ap-0")
assert (approved.status, approved.edited, approved.method) == ("sent", True, "smtp"), approved
assert (
    client.approve_message(held[0].message_id, subject="Offer", body_text="900 pieces", idempotency_key="ap-0")
    == approved
)
assert client.approve_message(held[1].message_id).edited is False
refused(409, client.approve_message, held[1].message_id)
rejected = client.reject_message(held[2].message_id, "too many")
assert (rejected.status, rejected.rejection_reason) == ("rejected", "too many"), rejected
refused(409, client.reject_message, held[2].message_id)
resolved = client.get_pending_message(held[0].message_id)
assert (resolved.status, resolved.subject, resolved.body_text) == ("sent", "Offer", None), resolved
assert client.get_pending_message(held[2].message_id).rejection_reason == "too many"
refused(404, client.get_pending_message, "msg_" + "0" * 32)
assert client.update_agent(email, hitl_enabled=False).hitl_enabled is False
assert client.send(["bob@people.test"], "Hello", "Again").status == "sent"

# Domains.
claimed = client.register_domain("classic-out.example")
assert claimed.verification_token.startswith("e2a-verify="), claimed
assert claimed.dns_records.mx.value, claimed
assert "classic-out.example" in [one.domain for one in client.list_domains().domains]
refused(400, client.register_domain, "nodot")
refused(400, client.register_agent, email="bot@classic-out.example", agent_mode="local")
assert client.verify_domain("classic-out.example").verified is True
own = client.register_agent(email="bot@classic-out.example", agent_mode="local").email
bot = E2AClient(api_key=key, base_url=base, agent_email=own)
assert bot.send(["bob@people.test"], "Hello", "x").message_id.endswith("@classic-out.example>")
refused(400, client.delete_domain, "classic-out.example")
client.delete_agent(own)
client.delete_domain("classic-out.example")
for address in (email, other):
    client.delete_agent(address)
print("ok")
