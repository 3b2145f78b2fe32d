"""Secrets at rest: rings that rotate, and seals that hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.sealing import KeyRing, SealBroken

NONCE = b"0123456789ab"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.binary(min_size=12, max_size=12))
def test_what_is_sealed_opens(text: str, nonce: bytes) -> None:
    ring = KeyRing(["one"])
    sealed = ring.seal(text, context="c", nonce=nonce)
    assert ring.unseal(sealed, context="c") == text
    assert text.encode() not in sealed or len(text) < 4


def test_an_older_secret_still_opens_and_the_newest_seals() -> None:
    old, rotated = KeyRing(["old"]), KeyRing(["new", "old"])
    sealed = old.seal("x", context="c", nonce=NONCE)
    assert rotated.unseal(sealed, context="c") == "x"
    with pytest.raises(SealBroken):
        old.unseal(rotated.seal("x", context="c", nonce=NONCE), context="c")
    assert rotated.current == "new"


@pytest.mark.parametrize(
    "damage", [lambda s: s[:-1], lambda s: s[:-1] + bytes([s[-1] ^ 1]), lambda s: b"", lambda s: b"\x01" + s[1:]]
)
def test_a_changed_seal_does_not_open(damage: object) -> None:
    ring = KeyRing(["k"])
    with pytest.raises(SealBroken):
        ring.unseal(damage(ring.seal("x", context="c", nonce=NONCE)), context="c")


def test_a_seal_is_bound_to_its_place() -> None:
    ring = KeyRing(["k"])
    with pytest.raises(SealBroken):
        ring.unseal(ring.seal("x", context="webhook_secret:wh_1", nonce=NONCE), context="webhook_secret:wh_2")


@pytest.mark.parametrize("secrets", [[], [""], ["a", ""]])
def test_a_ring_needs_secrets(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        KeyRing(secrets)


def test_a_nonce_has_its_length() -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        KeyRing(["k"]).seal("x", context="c", nonce=b"short")
