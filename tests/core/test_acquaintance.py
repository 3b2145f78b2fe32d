"""What an agent would know of others, carried forward mail by mail."""

from datetime import UTC, datetime, timedelta

from e2ad.core.acquaintance import Acquaintance, Acquaintances
from e2ad.core.continuity import Evidence, Known, look

ANN, LIKE_ANN = "ann@example.org", "ann@examp1e.org"
AT = datetime(2026, 7, 1, tzinfo=UTC)
SIGNED = Evidence("dkim", "example.org", "s1")


def test_of_whom_nothing_came_nothing_is_known() -> None:
    assert Acquaintances().known(ANN) == Known(ANN)


def test_mail_is_counted_with_what_vouches_for_it() -> None:
    met = Acquaintances()
    met.received(ANN, (SIGNED,), is_verified=True, at=AT)
    met.received(ANN, (Evidence("spf", "example.org"), SIGNED), is_verified=False, at=AT)
    known = met.known(ANN)
    assert (known.inbound_count, known.outbound_count) == (2, 0)
    assert known.evidence == (SIGNED, Evidence("spf", "example.org"))


def test_who_was_only_written_to_has_proved_nothing() -> None:
    met = Acquaintances([Acquaintance(ANN, look(ANN), 0, 1, {SIGNED}, AT, is_proven=True)])
    assert met.known(ANN).evidence == ()
    assert met.known(ANN).outbound_count == 1


def test_who_looks_like_one_known_earlier_is_told_from_it() -> None:
    met = Acquaintances()
    met.received(ANN, (), is_verified=False, at=AT)
    assert met.known(LIKE_ANN).lookalikes == ()  # Ann proved nothing yet
    met.received(ANN, (SIGNED,), is_verified=True, at=AT + timedelta(1))
    assert met.known(LIKE_ANN).lookalikes == (ANN,)
    met.wrote(LIKE_ANN, AT + timedelta(2))
    assert met.known(LIKE_ANN).lookalikes == (ANN,)
    assert met.known(ANN).lookalikes == ()  # she was known first


def test_so_much_evidence_and_no_more() -> None:
    met = Acquaintances()
    met.received(
        ANN, tuple(Evidence("dkim", f"d{number:03}.test", "s") for number in range(50)), is_verified=True, at=AT
    )
    assert [one.domain for one in met.known(ANN).evidence] == [f"d{number:03}.test" for number in range(32)]
