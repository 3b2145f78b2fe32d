"""Which headers speak for a machine, and which answer wins when several do."""

import pytest

from e2ad.core.automation import classify, with_null_reverse_path
from e2ad.core.message import Automation
from e2ad.core.mime import parse

REPORT = 'Content-Type: multipart/report; report-type={}; boundary="r"'
CASES = {
    "": None,
    "Auto-Submitted: no": None,
    "Auto-Submitted: No (a person)": None,
    "Auto-Submitted: (a person) no": None,
    "Precedence: first-class": None,
    "X-Auto-Response-Suppress: DR, RN, NRN": None,
    "X-Autoreply: no": None,
    "List-Help: <mailto:x@y.test>": None,
    "Auto-Submitted: auto-replied": Automation.AUTO_REPLIED,
    "Auto-Submitted: (away) auto-replied(vacation)": Automation.AUTO_REPLIED,
    "Auto-Submitted: Auto-Replied; owner-email=x": Automation.AUTO_REPLIED,
    "Precedence: auto_reply": Automation.AUTO_REPLIED,
    "X-Autoreply: yes": Automation.AUTO_REPLIED,
    "X-Autorespond: Away": Automation.AUTO_REPLIED,
    "Delivered-To: Autoresponder": Automation.AUTO_REPLIED,
    "Auto-Submitted: auto-generated": Automation.AUTO_GENERATED,
    "Auto-Submitted: auto-notified; x=y": Automation.AUTO_GENERATED,
    "X-Auto-Response-Suppress: All": Automation.AUTO_GENERATED,
    "X-Auto-Response-Suppress: OOF,AutoReply": Automation.AUTO_GENERATED,
    "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent": Automation.AUTO_GENERATED,
    "X-Cron-Env: <SHELL=/bin/sh>": Automation.AUTO_GENERATED,
    "List-Id: <x.lists.test>": Automation.LIST,
    "List-Post: <mailto:x@lists.test>": Automation.LIST,
    "Precedence: list": Automation.LIST,
    "Precedence: bulk": Automation.BULK,
    "Precedence: junk": Automation.BULK,
    "List-Unsubscribe: <https://x.test>": Automation.BULK,
    "X-Failed-Recipients: x@y.test": Automation.BOUNCE,
    REPORT.format("delivery-status"): Automation.BOUNCE,
    REPORT.format('"Delivery-Status"'): Automation.BOUNCE,
    REPORT.format("disposition-notification"): Automation.AUTO_REPLIED,
    REPORT.format("feedback-report"): Automation.AUTO_GENERATED,
    REPORT.format("unheard-of"): None,
    # Several at once: the more special answer wins.
    "Precedence: bulk\r\nAuto-Submitted: auto-replied": Automation.AUTO_REPLIED,
    "List-Id: <x>\r\nAuto-Submitted: auto-generated": Automation.LIST,
    "List-Unsubscribe: <x>\r\nAuto-Submitted: auto-generated": Automation.AUTO_GENERATED,
    REPORT.format("delivery-status") + "\r\nAuto-Submitted: auto-replied": Automation.BOUNCE,
}


@pytest.mark.parametrize(("headers", "expected"), CASES.items())
def test_classify_through_a_whole_mail(headers: str, expected: Automation | None) -> None:
    body = "\r\n\r\n--r\r\n\r\nx\r\n--r--\r\n" if "boundary" in headers else "\r\n\r\nx"
    assert parse(f"From: a@b.test\r\n{headers}{body}".encode()).automation == expected


def test_the_null_reverse_path_is_the_last_word() -> None:
    assert classify(lambda _: None) is None
    assert classify(lambda _: None, null_reverse_path=True) is Automation.BOUNCE
    replied = {"auto-submitted": "auto-replied"}
    assert classify(replied.get, null_reverse_path=True) is Automation.AUTO_REPLIED
    assert with_null_reverse_path(None) is Automation.BOUNCE
    assert with_null_reverse_path(Automation.LIST) is Automation.LIST
