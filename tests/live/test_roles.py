"""Roles in processes of their own over one database, and features that are switched off."""

import json
import queue

import pytest
import trio
from trio_websocket import open_websocket_url

from tests.live.conftest import Endpoint
from tests.live.running import Running, wait_until
from tests.live.serving import Deployment

pytestmark = pytest.mark.live


def mail(number: int) -> str:
    return f"From: a@b.test\r\nSubject: {number}\r\nMessage-ID: <{number}@b.test>\r\n\r\nHello {number}\r\n"


def code_of(served: Running, to: str) -> int:
    with served.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("a@b.test")
        return smtp.rcpt(to)[0]


def test_mail_crosses_processes(deployment: Deployment, endpoint: Endpoint) -> None:
    with (
        deployment.serving("--roles", "smtp") as door,
        deployment.serving("--roles", "http,worker") as rest,
    ):
        assert door.told["api_url"] == ""
        assert rest.told["smtp"] == ""
        assert code_of(door, "crosser@agents.test") == 550
        agent = rest.agent("crosser", agent_mode="cloud", webhook_url=endpoint.url)
        # Asked about a moment ago and unknown then: the other process has heard of it.
        wait_until(lambda: code_of(door, agent) == 250, 2)
        url = f"{rest.api_url.replace('http', 'ws', 1)}/v1/agents/{agent}/ws"
        headers = [(b"Authorization", f"Bearer {rest.api_key}".encode())]

        async def listen() -> str:
            with trio.fail_after(20):
                async with open_websocket_url(url, extra_headers=headers) as ws:
                    begun = trio.current_time()
                    await trio.to_thread.run_sync(door.send, agent, mail(1))
                    event = json.loads(await ws.get_message())
                    assert event["data"]["subject"] == "1"
                    # By notification, not by the poll (15 s).
                    assert trio.current_time() - begun < 5
                    return str(event["data"]["message_id"])

        message_id = trio.run(listen)
        posted = endpoint.next(5)
        assert json.loads(posted.body)["message_id"] == message_id

        # An agent that goes is refused at the door at once.
        assert rest.api("DELETE", f"/v1/agents/{agent}?confirm=DELETE")[0] == 200
        wait_until(lambda: code_of(door, agent) == 550, 2)


def test_a_revoked_key_stops_everywhere(deployment: Deployment) -> None:
    with (
        deployment.serving("--roles", "http") as one,
        deployment.serving("--roles", "http") as other,
    ):
        status, made = one.api("POST", "/v1/account/api-keys", {"name": "doomed"})
        assert status == 201, made
        key = made["key"]
        assert other.api("GET", "/v1/agents", key=key)[0] == 200
        status, answer = one.api("DELETE", f"/v1/account/api-keys/{made['id']}?confirm=DELETE")
        assert status == 200, answer
        assert one.api("GET", "/v1/agents", key=key)[0] == 401
        wait_until(lambda: other.api("GET", "/v1/agents", key=key)[0] == 401, 2)


def test_without_the_outbox_subscribers_get_nothing_and_agents_still_do(
    deployment: Deployment, endpoint: Endpoint
) -> None:
    with deployment.serving() as served:
        agent = served.agent("direct", agent_mode="cloud", webhook_url=endpoint.url + "/agent")
        subscription = {"url": endpoint.url + "/subscriber", "events": ["email.received"]}
        assert served.api("POST", "/v1/webhooks", subscription)[0] == 201
        served.send(agent, mail(1))
        assert {endpoint.next().path, endpoint.next().path} == {"/hook/agent", "/hook/subscriber"}
    with deployment.serving(FEATURES_OUTBOX="false") as served:
        assert served.api("POST", "/v1/webhooks", subscription)[0] == 501
        served.send(agent, mail(2))
        assert endpoint.next().path == "/hook/agent"
        with pytest.raises(queue.Empty):
            endpoint.next(1)


def test_without_the_dashboard(deployment: Deployment) -> None:
    with deployment.serving(FEATURES_DASHBOARD="false") as served:
        assert served.told["dashboard_url"] == ""
        assert served.api("GET", "/livez")[0] == 200


def test_mail_out_crosses_processes(deployment: Deployment) -> None:
    with deployment.serving("--roles", "http") as api, deployment.serving("--roles", "worker") as worker:
        # Whether anything leaves is the business of whoever would carry it.
        assert deployment.facts(worker.process, "no relay")
        assert not deployment.facts(api.process, "no relay")
        agent = api.agent("writer")
        body = {"to": ["joe@people.test"], "subject": "Hi", "text": "Hello"}
        status, accepted = api.api("POST", f"/v1/agents/{agent}/messages", body)
        assert status == 202

        def captured() -> bool:
            _, message = api.api("GET", f"/v1/agents/{agent}/messages/{accepted['message_id']}")
            return bool(message["delivery_status"] == "sent")

        # By the announcement, not by the poll (30 s).
        wait_until(captured, 5)
