"""What the scripts of e2a==5.8.1 share: clients with the keys of an account and of an agent, and neighbours."""

from typing import Any

from neighbours import Endpoint, Sender
from recorder import Recorder

UNKNOWN = "msg_" + "0" * 32
OPEN = {"inbound": {"gate": {}, "scan": {}}, "outbound": {"gate": {}, "scan": {}}, "holds": {}}


class World:
    """An account of its own, with a few agents."""

    def __init__(self, recorder: Recorder, kind: type, told: dict[str, Any], mode: str) -> None:
        self.recorder, self.kind, self.mode = recorder, kind, mode
        self._clients: list[Any] = []
        self.base, self.domain, tag = told["api_url"], told["shared_domain"], told["tag"]
        self.account_email = told["account_email"]
        self.email, self.peer, self.spare = (f"{tag}{tail}@{self.domain}" for tail in ("", "-peer", "-spare"))
        self.nobody = f"{tag}-nobody@{self.domain}"
        self.own_domain = f"{tag}.example"
        self.sender = Sender(told["smtp"])
        self.endpoint = Endpoint()
        self.key = told["api_key"]
        self.client = self.open(self.key)
        self.own: Any = None
        self.stranger = self.open("e2a_acct_" + "0" * 64)

    def open(self, key: str, base: str | None = None, **more: Any) -> Any:
        """A client whose calls are noted."""
        client = self.kind(api_key=key, base_url=base or self.base, **more)
        self._clients.append(client)  # one that nobody holds closes itself under its own calls
        return self.recorder.watch(client, self.kind.__name__)

    async def close(self, client: Any) -> None:
        """Each client has its own word for it."""
        await (client.aclose if self.mode == "async" else client.close)()

    def policy(self, direction: str, action: str, **gate: Any) -> dict[str, Any]:
        """A protection that acts on all mail of one direction but to or from those that `gate` allows."""
        return {**OPEN, direction: {"gate": {"policy": "allowlist", "action": action, **gate}, "scan": {}}}
