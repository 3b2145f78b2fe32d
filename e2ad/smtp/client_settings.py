"""What the way out to the relay is told by configuration."""

from pathlib import Path
from typing import Literal

from attrs import field, frozen

__all__ = ["RelaySettings"]


@frozen
class RelaySettings:
    """Where the relay is and how long to wait for it. All times in seconds.

    Attributes:
        host, port: the relay; `host` is also the name that its certificate has to bear.
        tls: "starttls" and "implicit" never fall back to the clear; "none" never asks for TLS.
        username, password: for AUTH PLAIN or LOGIN; without a username there is no AUTH.
        helo: our name in EHLO.
        connect_seconds: name look-up and TCP; and once more for each TLS handshake.
        greeting_seconds, command_seconds: the wait for the greeting and for each reply to a command.
        data_seconds: the wait for each block of 64 KiB to leave us.
        final_seconds: the wait for the answer to the content. A relay checks and stores meanwhile.
        idle_seconds: how long a connection without work is kept.
        max_connections: how many there are at a time; more mails wait.
        ca_file: PEM file of the authorities to trust instead of the system's.
        goodbye_seconds: the wait for the answer to QUIT, and for a last word of a relay that hung up.
        cancelled_seconds: how much longer to wait for the answer to the content once cancelled.

    Raises:
        ValueError: a password would go in the clear, or `helo` could not stand in a command line.
    """

    host: str
    port: int
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    helo: str = "localhost"
    connect_seconds: float = 30
    greeting_seconds: float = 60
    command_seconds: float = 60
    data_seconds: float = 120
    final_seconds: float = 300
    idle_seconds: float = 20
    max_connections: int = 4
    ca_file: Path | None = None
    goodbye_seconds: float = 2
    cancelled_seconds: float = 5

    def __attrs_post_init__(self) -> None:
        if self.username and self.tls == "none":
            raise ValueError("a password is not sent in the clear: use starttls or implicit")
        if not self.helo.isascii() or not self.helo.isprintable() or not self.helo or " " in self.helo:
            raise ValueError("helo is a domain name or an address literal")
