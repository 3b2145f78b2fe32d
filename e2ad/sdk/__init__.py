"""The Python client of the full API (`/v1`): no server code, no server dependency.

`client.E2AClient` makes requests, `listening.listen` keeps a socket up and hands over each event, `errors`
has what they raise.

Rules. One request is one call; nothing retries by itself but `listen`, which reconnects. The server then
sends again what was not drained, and `listen` leaves out what it has handed over before.

What may go wrong. `E2AError` is an answer, with the contract's code, and says whether to try again;
`E2AConnectionError` is none at all; `ConnectionRefusedForGood` ends `listen`.
"""

from e2ad.sdk.client import E2AClient
from e2ad.sdk.errors import E2AConnectionError, E2AError
from e2ad.sdk.listening import ConnectionRefusedForGood, Listening, listen

__all__ = ["ConnectionRefusedForGood", "E2AClient", "E2AConnectionError", "E2AError", "Listening", "listen"]
