"""What is said of a browser: words of ours, and no more of an address than a neighbourhood."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.visitors import browser_of, network_of

CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 {}Safari/537.36{}"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        (CHROME.format("Windows NT 10.0; Win64; x64", "", ""), "Chrome on Windows"),
        (CHROME.format("Windows NT 10.0; Win64; x64", "", " Edg/126.0"), "Edge on Windows"),
        (CHROME.format("X11; CrOS x86_64 14541.0.0", "", ""), "Chrome on ChromeOS"),
        (CHROME.format("Linux; Android 14; SM-S921B", "SamsungBrowser/25.0 ", ""), "Samsung Internet on Android"),
        (CHROME.format("X11; Linux x86_64", "", " OPR/110.0"), "Opera on Linux"),
        (CHROME.format("X11; Linux x86_64", "", "").replace("Chrome/", "HeadlessChrome/"), "Chrome on Linux"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605 (KHTML, like Gecko) Version/17.5 Safari/605",
            "Safari on Mac",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 (KHTML) CriOS/126.0 Safari/604.1",
            "Chrome on iPhone",
        ),
        ("curl/8.9.1", "curl"),
        ("", ""),
        ("<script>alert(1)</script>", ""),
        ("x" * 5000 + "Firefox/1", ""),
    ],
)
def test_browsers(said: str, shown: str) -> None:
    assert browser_of(said) == shown


@given(st.text())
def test_nothing_of_what_is_said_is_shown(said: str) -> None:
    families = "(Edge|Opera|Samsung Internet|Vivaldi|Firefox|Chrome|Safari|curl)?"
    systems = "(iPhone|iPad|Android|Windows|ChromeOS|Mac|Linux)?"
    assert re.fullmatch(f"{families}( on )?{systems}", browser_of(said))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("unix", ""),
        ("192.0.2.300", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network
