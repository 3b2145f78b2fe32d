"""A relay that takes everything and keeps nothing: `python -m tests.bench.sink`, a process of its own.

It says its two ports on the first line: SMTP, and one where each connection is answered with a line of
JSON: how many mails came, how many recipients, the first and the last on the machine's monotonic clock.
"""

import asyncio
import json
import time


class Taken:
    """What came so far."""

    def __init__(self) -> None:
        self.mails = 0
        self.recipients = 0
        self.first_at = 0.0
        self.last_at = 0.0

    def take(self, recipients: int) -> None:
        """One mail more."""
        self.last_at = time.perf_counter()
        if not self.mails:
            self.first_at = self.last_at
        self.mails += 1
        self.recipients += recipients


class Smtp(asyncio.Protocol):
    """One session. Commands are known by their first letters; the content is searched for its end only."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken
        self.buffer = bytearray()
        self.content = False
        self.recipients = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        said = bytearray()
        while True:
            if self.content:
                end = 0 if self.buffer.startswith(b".\r\n") else self.buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                del self.buffer[: end + (3 if not end else 5)]
                self.content = False
                self.taken.take(self.recipients)
                said += b"250 2.0.0 Ok: queued as %X\r\n" % self.taken.mails
                continue
            end = self.buffer.find(b"\r\n")
            if end < 0:
                break
            line = bytes(self.buffer[:end])
            del self.buffer[: end + 2]
            said += self.command(line[:4].upper())
        if said:
            self.transport.write(bytes(said))

    def command(self, verb: bytes) -> bytes:
        """The answer to one command line."""
        if verb == b"DATA":
            self.content = True
            return b"354 go\r\n"
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 52428800\r\n"
        if verb == b"MAIL":
            self.recipients = 0
        elif verb == b"RCPT":
            self.recipients += 1
        elif verb == b"QUIT":
            return b"221 2.0.0 bye\r\n"
        return b"250 2.0.0 Ok\r\n"


class Control(asyncio.Protocol):
    """Tells how far it is, and hangs up."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(json.dumps(vars(self.taken)).encode() + b"\n")
        transport.close()


async def main() -> None:
    """Serve until killed."""
    taken = Taken()
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: Smtp(taken), "127.0.0.1", 0),
        await loop.create_server(lambda: Control(taken), "127.0.0.1", 0),
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
