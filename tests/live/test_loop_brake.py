"""Agents that answer everything stop by themselves, in real processes; machines from outside get no answer at all."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest
from attrs import define, field

from tests.live.running import Running, wait_until
from tests.live.serving import Deployment, found, kill

pytestmark = pytest.mark.live

MOST = 6
QUIET_SECONDS = 1.5


@define
class Answerer:
    """An agent of its own account that answers each mail it gets, once."""

    key: str
    email: str
    other: str = ""
    answered: set[str] = field(factory=set)

    def inbox(self, running: Running) -> list[Mapping[str, Any]]:
        status, page = running.api("GET", f"/v1/agents/{self.email}/messages?read_status=all&limit=100", key=self.key)
        assert status == 200, page
        return list(page["items"])

    def reviews(self, running: Running) -> list[Mapping[str, Any]]:
        status, page = running.api("GET", "/v1/reviews", key=self.key)
        assert status == 200, page
        return list(page["items"])

    def send(self, running: Running) -> Mapping[str, Any]:
        body = {"to": [self.other], "subject": "Hello", "text": "What do you think?"}
        status, sent = running.api("POST", f"/v1/agents/{self.email}/messages", body, key=self.key)
        assert status in (200, 202), sent
        return dict(sent)

    def reply(self, running: Running, message_id: str) -> Mapping[str, Any]:
        path = f"/v1/agents/{self.email}/messages/{message_id}/reply"
        status, sent = running.api("POST", path, {"text": "And what do you think?"}, key=self.key)
        assert status in (200, 202), sent
        return dict(sent)

    def answer(self, running: Running, *, fresh: bool) -> int:
        """Answer what is new; how many that were."""
        new = [mail["id"] for mail in self.inbox(running) if mail["id"] not in self.answered]
        for message_id in new:
            # Before: a crash in between must not make two answers of one.
            self.answered.add(message_id)
            if fresh:
                self.send(running)
            else:
                self.reply(running, message_id)
        return len(new)


def pair(deployment: Deployment, running: Running) -> tuple[Answerer, Answerer]:
    """Two agents of two accounts, wired to each other."""
    made = []
    for slug, key in (("ann", deployment.api_key), ("bob", found(deployment.dsn, "other@example.test"))):
        status, agent = running.api("POST", "/v1/agents", {"slug": slug}, key=key)
        assert status == 201, agent
        made.append(Answerer(key, agent["email"]))
    ann, bob = made
    ann.other, bob.other = bob.email, ann.email
    return ann, bob


def talk(running: Running, agents: tuple[Answerer, Answerer], *, fresh: bool, until: int = 1000) -> None:
    """Let them answer until nothing more comes, or as many mails have come."""
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_SECONDS:
        if sum([agent.answer(running, fresh=fresh) for agent in agents]):
            quiet_since = time.monotonic()
        if arrived(running, agents) >= until:
            return
        time.sleep(0.05)


def arrived(running: Running, agents: tuple[Answerer, Answerer]) -> int:
    return sum(len(agent.inbox(running)) for agent in agents)


def held(running: Running, agents: tuple[Answerer, Answerer]) -> list[tuple[Answerer, Mapping[str, Any]]]:
    return [(agent, item) for agent in agents for item in agent.reviews(running)]


@pytest.mark.parametrize("fresh", [False, True], ids=["replies", "fresh mails"])
def test_two_agents_that_answer_everything_stop_and_a_person_lets_them_go_on(
    deployment: Deployment, fresh: bool
) -> None:
    with deployment.serving() as running:
        agents = pair(deployment, running)
        assert agents[0].send(running)["status"] == "accepted"
        talk(running, agents, fresh=fresh)
        assert arrived(running, agents) == MOST
        ((holder, review),) = held(running, agents)
        assert review["direction"] == "outbound"
        assert review["hold_reason"]["code"] == "agent_loop"

        status, approved = running.api("POST", f"/v1/reviews/{review['id']}/approve", {}, key=holder.key)
        assert status == 202, approved
        wait_until(lambda: arrived(running, agents) == MOST + 1)
        talk(running, agents, fresh=fresh)
        assert arrived(running, agents) == 2 * MOST
        assert len(held(running, agents)) == 1


@pytest.mark.parametrize("fresh", [False, True], ids=["replies", "fresh mails"])
def test_the_row_goes_on_where_it_was_after_a_crash(deployment: Deployment, fresh: bool) -> None:
    process = deployment.start()
    try:
        running = deployment.ready(process)
        agents = pair(deployment, running)
        agents[0].send(running)
        talk(running, agents, fresh=fresh, until=3)
    finally:
        kill(process)
    with deployment.serving() as running:
        talk(running, agents, fresh=fresh)
        assert arrived(running, agents) == MOST
        assert len(held(running, agents)) == 1


def test_many_mails_one_way_are_not_held(deployment: Deployment) -> None:
    with deployment.serving() as running:
        agents = pair(deployment, running)
        for _ in range(2 * MOST):
            assert agents[0].send(running)["status"] == "accepted"
        wait_until(lambda: arrived(running, agents) == 2 * MOST)
        assert held(running, agents) == []


# Fields of mail that no person wrote: RFC 3834, RFC 2919, RFC 2369, and what the usual programs write.
AUTOMATED: Mapping[str, Mapping[str, str]] = {
    "RFC 3834 reply": {"Auto-Submitted": "auto-replied"},
    "RFC 3834 generated": {"Auto-Submitted": "auto-generated"},
    "RFC 3834 with a parameter": {"Auto-Submitted": "auto-replied; owner-email=ada@example.test"},
    "RFC 3834 with a comment": {"Auto-Submitted": "(vacation) Auto-Replied"},
    "RFC 5436 notification": {"Auto-Submitted": "auto-notified; owner-email=ada@example.test"},
    "any other RFC 3834 word": {"Auto-Submitted": "x-something"},
    "precedence bulk": {"Precedence": "bulk"},
    "precedence junk": {"Precedence": "Junk"},
    "precedence list": {"Precedence": "list"},
    "precedence auto_reply": {"Precedence": "auto_reply"},
    "list id": {"List-Id": "Friends <friends.lists.example>"},
    "list post": {"List-Post": "<mailto:friends@lists.example>"},
    "newsletter": {"List-Unsubscribe": "<https://news.example/u/1>"},
    "Exchange, all": {"X-Auto-Response-Suppress": "All"},
    "Exchange, some": {"X-Auto-Response-Suppress": "DR, OOF, AutoReply"},
    "Exchange, generated": {"X-MS-Exchange-Generated-Message-Source": "Mailbox Rules Agent"},
    "cPanel": {"X-Autorespond": "Re: Hello"},
    "Plesk": {"X-Autoreply": "yes"},
    "vacation program": {"X-Vacation": "yes"},
    "qmail autoresponder": {"X-Mail-Autoreply": "qmail-autoresponder"},
    "autoresponder": {"X-Autoresponder": "responder 2.0"},
    "Zoho and others": {"X-AutoReply-From": "ada@example.test"},
    "Amazon": {"X-Amz-Auto-Reply": "true"},
    "cron": {"X-Cron-Env": "<SHELL=/bin/sh>"},
    "fax and ticket systems": {"X-Auto-Generated": "yes"},
    "Facebook and others": {"X-FC-MachineGenerated": "true"},
    "Exim's bounce": {"X-Failed-Recipients": "nobody@example.test"},
}  # fmt: skip

REPORT = (
    'Content-Type: multipart/report; report-type={kind}; boundary="b"\r\nMIME-Version: 1.0\r\n\r\n'
    "--b\r\nContent-Type: text/plain\r\n\r\nA report.\r\n--b\r\nContent-Type: message/{kind}\r\n\r\n"
    "Reporting-MTA: dns; mx.example.test\r\n\r\nFinal-Recipient: rfc822; x@example.test\r\nAction: failed\r\n"
    "Status: 5.1.1\r\n\r\n--b--\r\n"
)


PEOPLE: Mapping[str, Mapping[str, str]] = {
    "nothing": {},
    "RFC 3834, no": {"Auto-Submitted": "no"},
    "no autoreply": {"X-Autoreply": "no"},
    "precedence of people": {"Precedence": "first-class"},
    "no reports wanted": {"X-Auto-Response-Suppress": "DR, NDR"},
    "a mail program": {"X-Mailer": "Thunderbird"},
}
REPORTS = ("delivery-status", "disposition-notification", "feedback-report")


def mail(to: str, fields: Mapping[str, str], subject: str = "Hello") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@example.test", to, subject
    for name, value in fields.items():
        message[name] = value
    message.set_content("Good morning.\n")
    return message.as_bytes(policy=policy.SMTP)


def answers(running: Running, agent: str, mails: Mapping[str, tuple[bytes, str]]) -> dict[str, tuple[int, Any]]:
    """Bring mails in by SMTP, each with its sender, and answer each by the API; by the mails' subjects."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: running.send(agent, one[0], sender=one[1]), mails.values()))
    came = {item["subject"]: item["id"] for item in listed(running, agent)}
    body = {"text": "Thank you."}
    return {
        subject: running.api("POST", f"/v1/agents/{agent}/messages/{came[subject]}/reply", body) for subject in mails
    }


def listed(running: Running, agent: str) -> list[Mapping[str, Any]]:
    status, page = running.api("GET", f"/v1/agents/{agent}/messages?read_status=all&limit=100")
    assert status == 200, page
    return list(page["items"])


def test_no_answer_goes_to_a_machine_and_one_to_each_person(deployment: Deployment) -> None:
    with deployment.serving(RATE_LIMITS_SEND_PER_MINUTE="1000") as running:
        agent, sender = running.agent("clerk"), "ada@example.test"
        machines = {name: (mail(agent, fields, name), sender) for name, fields in AUTOMATED.items()}
        machines["null reverse-path"] = (mail(agent, {}, "null reverse-path"), "<>")
        for kind in REPORTS:
            head = f"From: mailer@example.test\r\nTo: {agent}\r\nSubject: {kind}\r\n"
            machines[kind] = ((head + REPORT.format(kind=kind)).encode(), sender)
        assert len(machines) > 25
        wrong = {
            name: (status, answer)
            for name, (status, answer) in answers(running, agent, machines).items()
            if status != 403 or answer["error"]["code"] != "blocked_by_policy"
        }
        assert wrong == {}

        people = {name: (mail(agent, fields, name), sender) for name, fields in PEOPLE.items()}
        got = {name: (code, answer["status"]) for name, (code, answer) in answers(running, agent, people).items()}
        assert got == dict.fromkeys(PEOPLE, (202, "accepted"))


def test_a_mail_that_went_through_too_many_hands_is_refused(deployment: Deployment) -> None:
    with deployment.serving(SMTP_MAX_RECEIVED_FIELDS="10") as running:
        agent = running.agent("clerk")
        trace = "Received: from a.test by b.test; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
        running.send(agent, trace * 9 + mail(agent, {}).decode())
        wait_until(lambda: len(listed(running, agent)) == 1)
        with running.smtp() as smtp:
            smtp.ehlo()
            smtp.mail("ada@example.test")
            smtp.rcpt(agent)
            code, text = smtp.data((trace * 11).encode() + mail(agent, {}))
        assert (code, text[:5]) == (554, b"5.4.6")
        assert len(listed(running, agent)) == 1
