"""Run by an interpreter that has e2a==2.5.0: each method of one of its clients, the happy way and refused.

Says at the end what there is to call, and what was called.
"""

import asyncio
import base64
import json
import logging
import sys
import warnings
from typing import Any

import e2a.v1 as v1
from e2a.v1 import (
    AsyncE2AApi,
    AsyncE2AClient,
    Attachment,
    E2AApi,
    E2AApiError,
    E2AClient,
    RegisterAgentRequest,
    RegisterDomainRequest,
    ReplyToMessageRequest,
    SendEmailRequest,
    UnverifiedEmailError,
    UpdateAgentRequest,
)
from e2a.v1.websocket import WSNotification
from neighbours import Cable, Endpoint, Sender
from recorder import Recorder, can_refuse, drive, eventually, exported, failures, refused, surface

told, mode = json.loads(sys.argv[1]), sys.argv[2]
Client, Api = (AsyncE2AClient, AsyncE2AApi) if mode == "async" else (E2AClient, E2AApi)
base, key, domain, tag = told["api_url"], told["api_key"], told["shared_domain"], told["tag"]
email, peer, nobody = (f"{tag}{tail}@{domain}" for tail in ("", "-peer", "-nobody"))
UNKNOWN = "msg_" + "0" * 32
HELD = {"hitl_enabled": True, "hitl_ttl_seconds": 600, "hitl_expiration_action": "reject"}
recorder = Recorder("e2a")
sender, endpoint = Sender(told["smtp"]), Endpoint()


def opened(name: str, api_key: str = key, url: str = base) -> Any:
    client = Client(api_key=api_key, base_url=url, agent_email=name)
    return recorder.watch(client, Client.__name__)


client, other, stranger = opened(email), opened(peer), opened(email, "e2a_acct_" + "0" * 64)
api = client.api


async def no(status: int, call: Any) -> None:
    """A refusal: the status, and one line of text."""
    error = await refused(E2AApiError, status, call, "status_code")
    assert error.message.strip(), error
    assert error.message[0] not in "{<", error.message


async def listed(of: Any, subject: str) -> Any:
    async def look() -> Any:
        return [one for one in (await of.get_messages(status="all")).messages if one.subject == subject]

    return (await eventually(look))[0]


async def arrived(of: Any, subject: str) -> Any:
    return await of.get_message((await listed(of, subject)).message_id)


async def about_the_server() -> None:
    name = "fetch_info_async" if mode == "async" else "fetch_info"
    fetch = recorder.watch(getattr(v1, name), name)
    for call in (fetch(base), api.get_info()):
        info = await call
        assert (info.shared_domain, info.slug_registration_enabled) == (domain, True), info
    await no(404, fetch(f"{base}/nowhere"))
    await no(404, opened(email, url=f"{base}/nowhere").api.get_info())


async def agents() -> None:
    """By the client, and by its lower layer."""
    made = await client.register_agent(tag, agent_mode="local", name="Every")
    assert made.email == email, made
    await no(409, client.register_agent(tag, agent_mode="local"))
    raw = await api.register_agent(RegisterAgentRequest(slug=f"{tag}-peer", agent_mode="local"))
    assert raw.email == peer, raw
    await no(400, api.register_agent(RegisterAgentRequest(slug="A slug!", agent_mode="local")))
    for part, strange in ((client, stranger), (api, stranger.api)):
        assert {email, peer} == {one.email for one in (await part.list_agents()).agents}
        await no(401, strange.list_agents())
        assert (await part.get_agent(email)).email == email
        await no(403, part.get_agent(nobody))
    assert (await client.update_agent(email, **HELD)).hitl_ttl_seconds == 600
    await no(400, client.update_agent(email, hitl_ttl_seconds=604_801))
    assert (await api.update_agent(email, UpdateAgentRequest(hitl_enabled=False))).hitl_enabled is False
    await no(403, api.update_agent(nobody, UpdateAgentRequest(hitl_enabled=False)))
    for part in (client, api):
        spare = (await client.register_agent(f"{tag}-spare", agent_mode="local")).email
        await part.delete_agent(spare)
        await no(403, part.delete_agent(spare))


async def domains() -> None:
    for number, part in enumerate((client, api)):
        name = f"{tag}-{number}.example"
        bodies = [RegisterDomainRequest(domain=one) for one in (name, "nodot")] if part is api else [name, "nodot"]
        assert (await part.register_domain(bodies[0])).verification_token.startswith("e2a-verify=")
        await no(400, part.register_domain(bodies[1]))
        assert name in [one.domain for one in (await part.list_domains()).domains]
        await no(401, (stranger if part is client else stranger.api).list_domains())
        assert (await part.verify_domain(name)).verified is True
        await no(404, part.verify_domain("nobody.example"))
        await part.delete_domain(name)
        await no(404, part.delete_domain(name))


async def reading() -> None:
    for subject in ("one", "two"):
        sender.mail(email, subject)
    page = await client.get_messages(page_size=1, sort="asc", from_="ada@")
    assert [one.subject for one in page.messages] == ["one"], page
    rest = await client.get_messages(page_size=1, sort="asc", from_="ada@", token=page.next_token)
    assert [one.subject for one in rest.messages] == ["two"], rest
    await no(400, client.get_messages(token="tampered"))
    raw = await api.list_messages(email, subject_contains="TW")
    assert [one.subject for one in raw.messages] == ["two"], raw
    await no(404, api.list_messages(nobody))
    message = await client.get_message(rest.messages[0].message_id)
    assert (message.verified, message.sender, message.text_body.strip()) == (True, "ada@example.test", "Hello two")
    assert [(one.filename, one.data) for one in message.attachments] == [("a.csv", b"1,2")], message.attachments
    await no(404, client.get_message(UNKNOWN))
    assert (await api.get_message(email, message.message_id)).subject == "two"
    await no(404, api.get_message(email, UNKNOWN))
    assert [one.subject for one in (await client.get_messages()).messages] == ["one"], "reading marks it read"
    answered = await message.reply("Thanks")
    assert (answered.status, answered.method) == ("sent", "smtp"), answered
    sender.post("", email, f"From: far\r\nTo: {email}\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nAway\r\n")
    await no(403, (await arrived(client, "Away")).reply("Are you there?"))


async def writing() -> None:
    file = Attachment(filename="b.csv", content_type="text/csv", data=b"3,4", size=3)
    sent = await client.send([peer], "Question", "How many?", attachments=[file], idempotency_key="once")
    assert sent.status == "sent", sent
    assert (await client.send([peer], "Question", "How many?", attachments=[file], idempotency_key="once")) == sent
    await no(422, client.send([peer], "Question", "How much?", idempotency_key="once"))
    await no(400, client.send(["nobody"], "Hello", "x"))
    question = await arrived(other, "Question")
    assert [(one.filename, one.data) for one in question.attachments] == [("b.csv", b"3,4")], question.attachments
    assert (await other.reply(question.message_id, "Two.", cc=["c@people.test"])).status == "sent"
    await no(404, other.reply(UNKNOWN, "x"))
    raw = SendEmailRequest(to=["bob@people.test"], subject="Hello", body="x", from_=email)
    assert (await api.send_email(raw)).method == "smtp"
    await no(400, api.send_email(SendEmailRequest(to=["nobody"], subject="Hello", body="x", from_=email)))
    reply = ReplyToMessageRequest(body="Three.")
    assert (await api.reply_to_message(peer, question.message_id, reply)).status == "sent"
    await no(404, api.reply_to_message(peer, UNKNOWN, reply))
    if hasattr(api._target, "send_test_email"):  # the blocking client alone has it
        assert (await api.send_test_email(email))["status"] == "sent"
        await no(404, api.send_test_email(nobody))


async def deciding() -> None:
    await client.update_agent(email, **HELD)
    for part in (client, api):
        held = [(await client.send([f"bob{n}@people.test"], f"Offer {n}", "1,000 pieces")).message_id for n in range(2)]
        assert set(held) == {one.id for one in (await part.list_pending_messages()).messages}
        await no(401, (stranger if part is client else stranger.api).list_pending_messages())
        detail = await part.get_pending_message(held[0])
        assert (detail.body_text, detail.status) == ("1,000 pieces", "pending_approval"), detail
        await no(404, part.get_pending_message(UNKNOWN))
        approved = await part.approve_message(held[0], idempotency_key=f"approve-{held[0]}")
        assert (approved.status, approved.edited) == ("sent", False), approved
        assert await part.approve_message(held[0], idempotency_key=f"approve-{held[0]}") == approved
        await no(409, part.approve_message(held[0]))
        rejected = await part.reject_message(held[1], "too many")
        assert (rejected.status, rejected.rejection_reason) == ("rejected", "too many"), rejected
        await no(409, part.reject_message(held[1]))
    await client.update_agent(email, hitl_enabled=False)


async def hooks() -> None:
    """What is posted to an agent's own URL: read, checked, not believed when changed, and answered."""
    await client.update_agent(email, agent_mode="cloud", webhook_url=endpoint.url)
    sender.mail(email, "posted")
    _, body = endpoint.got.get(timeout=15)
    secret = told["signing_secret"]
    mail = await client.parse_webhook(body, secret)
    assert (mail.sender, mail.subject, mail.recipient) == ("ada@example.test", "posted", email), mail
    assert (await mail.reply("Thanks")).status == "sent"
    changed = json.loads(body) | {"raw_message": base64.b64encode(b"Subject: changed\r\n\r\n").decode()}
    await refused(PermissionError, None, client.parse_webhook(changed, secret))
    await refused(PermissionError, None, client.parse_webhook(body, "whsec_other"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unread = await client.parse(body)
        await refused(TypeError, None, client.parse(1))
    _gated(unread._target)
    await refused(UnverifiedEmailError, None, unread.reply("x"))
    await refused(ValueError, None, unread.verify_signature(""))
    assert await unread.verify_signature("whsec_other") is False
    assert await unread.verify_signature(secret) is True
    _gated(unread._target)
    claims = recorder.watch(v1.AuthHeaders).from_headers
    assert (await claims(json.loads(body)["auth_headers"])).sender == "ada@example.test"
    await refused(AttributeError, None, claims([]))
    await client.update_agent(email, agent_mode="local")


def _gated(mail: Any) -> None:
    """What the sender says of itself is readable only once the signature is checked."""
    free = {"auth", "raw_message", "verified", "is_verified", "unverified_payload"}
    for name in (name for name, one in vars(type(mail)).items() if isinstance(one, property)):
        try:
            getattr(mail, name)
        except UnverifiedEmailError:
            assert not mail.verified, name
            assert name not in free, name
        else:
            assert mail.verified or name in free, name


async def listening() -> None:
    """Notices of mail; again after the connection was cut; and nothing for whoever may not listen."""
    cable = Cable(base)
    far = opened(peer, url=cable.url)
    sender.mail(peer, "before the cut")
    subjects: list[str] = []
    stream = aiter(far.listen(peer))
    while "before the cut" not in subjects:
        notice = await anext(stream)
        subjects.append(notice.subject)
    assert (notice.from_, notice.recipient) == ("ada@example.test", peer), notice
    assert (await other.get_message(notice.message_id)).subject == "before the cut"
    cable.cut()
    sender.mail(peer, "after the cut")
    while "after the cut" not in subjects:
        subjects.append((await anext(stream)).subject)
    await stream.aclose()
    heard: list[str] = []
    log = logging.getLogger("e2a.v1.websocket")
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    log.addHandler(handler)
    assert [one async for one in stranger.listen(peer, reconnect=False)] == []
    assert "401" in heard[0], heard
    recorder.refused.add(f"{Client.__name__}.listen")
    parse = recorder.watch(WSNotification).from_payload
    assert (await parse({"message_id": "msg_1", "to": peer})).recipient == peer
    await refused(AttributeError, None, parse([]))


async def script() -> None:
    for part in (about_the_server, agents, domains, reading, writing, deciding, hooks):
        await part()
    if mode == "async":
        await listening()
    for one in (email, peer):
        await client.delete_agent(one)
    await no(403, client.get_agent(email))
    for one in (client, opened(email).api):
        await one.close()
        await refused(RuntimeError, None, one.list_agents())
        # What a closed client refuses is what closing it did.
    recorder.refused |= {f"{Client.__name__}.close", f"{Client.__name__}.api.close"}


kinds: set[type] = set()
public: dict[str, Any] = {}
for kind in (Client, AsyncE2AClient if Client is E2AClient else E2AClient):
    found = surface(kind(api_key="x", base_url="http://127.0.0.1:1"), kind.__name__, "e2a", kinds)
    public |= found if kind is Client else {}
public |= exported(v1, "e2a", kinds)
if mode == "async":
    asyncio.run(asyncio.wait_for(script(), 80))
else:
    drive(script())
print(
    json.dumps(
        recorder.told(
            public=set(public),
            known_failures=failures(v1),
            refusable={name for name, method in public.items() if can_refuse(method)},
        )
    )
)
