"""Mail that is made to cost."""

import threading

import pytest

from e2ad.core import mime
from e2ad.core.address import NULL_PATH
from e2ad.core.errors import TooManyHops
from e2ad.core.message import Envelope, Peer
from e2ad.gateway.receive import LARGE_BYTES, Receiver

ENVELOPE = Envelope(Peer("192.0.2.1", 25, "b.test", "s"), NULL_PATH, ())


@pytest.mark.parametrize(("size", "on_the_loop"), [(1024, True), (LARGE_BYTES, True), (LARGE_BYTES + 1, False)])
async def test_only_small_mail_is_parsed_on_the_event_loop(monkeypatch, size, on_the_loop):
    threads = []

    def note(content, *, null_reverse_path):
        threads.append(threading.current_thread())
        return parse(content, null_reverse_path=null_reverse_path)

    parse = mime.parse
    monkeypatch.setattr(mime, "parse", note)
    # Refused right behind the parser, so that nothing else is needed here.
    receiver = Receiver.build(None, None, None, max_received_fields=-1)
    with pytest.raises(TooManyHops):
        await receiver.accept(ENVELOPE, b"From: a@b.test\r\n\r\n".ljust(size, b"<"))
    assert [thread is threading.main_thread() for thread in threads] == [on_the_loop]


def test_what_stays_on_the_loop_is_small():
    # The worst known costs 1 ms for each KiB; this much of it is felt, and not more than felt.
    assert LARGE_BYTES <= 32 * 1024
