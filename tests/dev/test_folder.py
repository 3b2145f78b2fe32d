"""The dev folder's files, and the world's keys in it."""

import os
import stat
from pathlib import Path

import pytest

from e2ad.dev.folder import make_folder, read_document, write_private
from e2ad.dev.world import DOMAINS, build_zone, load_keys


def test_a_private_file_is_private_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "secret", b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    # A draft that somebody left open to all is not written into.
    (tmp_path / "secret.new").write_text("draft")
    (tmp_path / "secret.new").chmod(0o666)
    write_private(tmp_path / "secret", b"two")
    assert (tmp_path / "secret").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_folder_can_be_passed_and_not_listed(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o711
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make_folder(tmp_path / "file")


@pytest.mark.parametrize("text", [None, "", "{", "[1]", "\x00"])
def test_what_is_no_document_is_empty(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "x").write_text(text)
    assert read_document(tmp_path / "x") == {}


def test_keys_are_made_once_and_mended_when_one_is_lost(tmp_path: Path) -> None:
    made = load_keys(tmp_path / "world")
    assert load_keys(tmp_path / "world") == made
    (tmp_path / "world" / "ed25519.pem").unlink()
    again = load_keys(tmp_path / "world")
    assert again.rsa == made.rsa
    assert again.ed25519 != made.ed25519


def test_the_zone_is_about_the_worlds_domains_alone(tmp_path: Path) -> None:
    import dns.message

    zone = build_zone(load_keys(tmp_path / "world"))
    for domain in DOMAINS:
        assert zone.answer(dns.message.make_query(domain, "MX")).answer
    assert not zone.answer(dns.message.make_query("elsewhere.test", "A")).answer
