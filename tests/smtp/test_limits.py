import pytest

from e2ad.smtp import replies
from e2ad.smtp.limits import Connections, plain_address


def test_total() -> None:
    connections = Connections(2, 50)
    assert connections.enter() is None
    assert connections.enter() is None
    assert connections.enter() is replies.TOO_MANY_CONNECTIONS
    connections.leave()
    assert connections.enter() is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_per_peer(one: str, other: str, same: bool) -> None:
    connections = Connections(10, 1)
    assert connections.enter_peer(one) is None
    assert (connections.enter_peer(other) is replies.TOO_MANY_FROM_PEER) is same
    connections.leave_peer(one)
    assert connections.enter_peer(one) is None


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_plain_address(address: str, plain: str) -> None:
    assert plain_address(address) == plain
