"""Templates to start from: seven mails that agents and services write most, ready to be copied and edited.

Each is written once, in blocks, and so says the same as text and as HTML. No value goes into the HTML unescaped.
What is optional renders empty and leaves nothing behind that asks for it.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from e2ad.core.starter_layout import Block, Button, Code, Facts, Lines, Note, Paragraph, as_html, as_text

__all__ = ["STARTERS", "VERSION", "Starter", "Variable"]

VERSION: Final = "1.0.0"


@frozen
class Variable:
    """A value that a starter wants. Without one that is not `required` the mail reads well too."""

    name: str
    description: str
    example: str
    required: bool = True


@frozen
class Starter:
    """A template to copy, with what its author knows of its variables."""

    alias: str
    name: str
    description: str
    subject: str
    title: str
    blocks: tuple[Block, ...]
    variables: tuple[Variable, ...]
    version: str = VERSION

    @property
    def text(self) -> str:
        """The source of the text part."""
        return as_text(self.title, self.blocks)

    @property
    def html(self) -> str:
        """The source of the HTML part."""
        return as_html(self.title, self.blocks)


_PRODUCT: Final = Variable("product_name", "What the recipient knows you by.", "Harbour Notes")
_NAME: Final = Variable("name", "How to address the recipient.", "Ada")
_AGENT: Final = Variable("agent_name", "The agent that writes.", "Research agent")

_AGENT_STATUS: Final = Starter(
    alias="agent-status",
    name="Agent status",
    description="Tells the owner of an agent how a task stands: started, done, stuck or failed.",
    subject="{{agent_name}}: {{task}} is {{status}}",
    title="{{task}} is {{status}}",
    blocks=(
        Paragraph("{{summary}}"),
        Facts((("Agent", "{{agent_name}}"), ("Status", "{{status}}"), ("As of", "{{updated_at}}"))),
        Lines("Last steps", "{{steps}}"),
        Button("See the whole run", "{{run_url}}"),
        Note("{{agent_name}} sends this when the status of a task changes."),
    ),
    variables=(
        _AGENT,
        Variable("task", "What the agent is doing, as a noun.", "Supplier comparison"),
        Variable("status", "One word or two: done, stuck, failed.", "waiting for you"),
        Variable(
            "summary",
            "One or two sentences: what happened, and what is needed.",
            "Two of five suppliers ask for a signed form before they name a price.",
        ),
        Variable("updated_at", "When this was true, with the time zone.", "13 June 2026, 10:40 UTC"),
        Variable(
            "steps",
            "The last steps, one on a line.",
            "10:02 Read five catalogues\n10:31 Asked for prices\n10:40 Two suppliers want a form",
        ),
        Variable("run_url", "Where the whole run can be seen.", "https://agents.example.com/runs/4711"),
    ),
)

_APPROVAL_REQUEST: Final = Starter(
    alias="approval-request",
    name="Approval request",
    description="Asks a person to allow what an agent is about to do, and shows exactly what that is.",
    subject="Please decide: {{action}}",
    title="{{agent_name}} asks for your approval",
    blocks=(
        Paragraph("Hello {{name}}, before it goes on, {{agent_name}} needs a yes or a no from you."),
        Facts((("What", "{{action}}"), ("Why", "{{reason}}"), ("Decide by", "{{expires_at}}"))),
        Lines("What exactly will happen", "{{details}}"),
        Button("Approve", "{{approve_url}}"),
        Button("Decline", "{{decline_url}}", is_main=False),
        Note("If nobody decides in time, nothing happens. Each link opens a page that asks once more."),
    ),
    variables=(
        _AGENT,
        Variable("name", "The person who decides.", "Grace"),
        Variable("action", "What the agent wants to do, in a few words.", "Order 40 desk lamps"),
        Variable("reason", "Why it wants to do so.", "The new office opens on 1 July"),
        Variable(
            "details",
            "Everything that will happen, one thing on a line.",
            "40 x desk lamp, model L2\n1,960.00 EUR, by invoice\nDelivery on 26 June",
        ),
        Variable("expires_at", "Until when the answer is waited for, with the time zone.", "15 June 2026, 18:00 UTC"),
        Variable("approve_url", "A page where the action is allowed.", "https://agents.example.com/approve/9f2c"),
        Variable("decline_url", "A page where the action is refused.", "https://agents.example.com/decline/9f2c"),
    ),
)

_DAILY_DIGEST: Final = Starter(
    alias="daily-digest",
    name="Daily digest",
    description="One mail a day instead of many: what happened, what is open, where to read on.",
    subject="{{product_name}}, {{date}}: {{headline}}",
    title="{{headline}}",
    blocks=(
        Paragraph("Hello {{name}}, this is what happened in {{product_name}} on {{date}}."),
        Lines("New", "{{news}}"),
        Lines("Waiting for you", "{{open_items}}"),
        Button("Open today's list", "{{digest_url}}"),
        Note("You get this once a day. Change or stop it here: {{settings_url}}"),
    ),
    variables=(
        _PRODUCT,
        _NAME,
        Variable("date", "The day that the digest is about.", "13 June 2026"),
        Variable("headline", "The day in a few words.", "3 new leads, 1 answer overdue"),
        Variable(
            "news",
            "What is new, one thing on a line.",
            "Lead: Northwind asks for a quote\nLead: Blue Yonder wants a call\nLead: Tailspin returned the form",
        ),
        Variable(
            "open_items",
            "What is open, one thing on a line; say so when nothing is.",
            "Answer to Contoso, due yesterday",
        ),
        Variable("digest_url", "Where the list can be worked through.", "https://notes.example.com/today"),
        Variable(
            "settings_url", "Where the digest can be changed or stopped.", "https://notes.example.com/settings/digest"
        ),
    ),
)

_PASSWORD_RESET: Final = Starter(
    alias="password-reset",
    name="Password reset",
    description="Lets somebody who forgot the password choose a new one.",
    subject="Choose a new password for {{product_name}}",
    title="Choose a new password",
    blocks=(
        Paragraph("Hello {{name}}, somebody asked to change the password of your account with {{product_name}}."),
        Button("Choose a new password", "{{reset_url}}"),
        Paragraph("The link works once, for {{expires_in}}. Until you choose a new one, the old one goes on working."),
        Note("It was not you? Then do nothing: without the link nobody can change it. Questions: {{support_email}}"),
    ),
    variables=(
        _PRODUCT,
        _NAME,
        Variable(
            "reset_url",
            "A page where a new password is chosen; the link should work once.",
            "https://notes.example.com/reset/5b1e",
        ),
        Variable("expires_in", "How long the link works.", "30 minutes"),
        Variable("support_email", "Whom to ask.", "help@notes.example.com"),
    ),
)

_RECEIPT: Final = Starter(
    alias="receipt",
    name="Receipt",
    description="Confirms a payment, with what was bought and what it cost.",
    subject="Receipt {{receipt_number}} from {{product_name}}",
    title="Thank you, we received your payment",
    blocks=(
        Paragraph("Hello {{name}}, this is the receipt for your payment to {{product_name}}."),
        Facts(
            (
                ("Receipt", "{{receipt_number}}"),
                ("Date", "{{paid_at}}"),
                ("Paid with", "{{payment_method}}"),
                ("Total", "{{total}}"),
            )
        ),
        Lines("What you bought", "{{items}}"),
        Button("Open the receipt", "{{receipt_url}}"),
        Note("Something is not right? Write to {{support_email}} and name the receipt. {{legal_note}}"),
    ),
    variables=(
        _PRODUCT,
        _NAME,
        Variable("receipt_number", "The number that you find the payment by.", "2026-0613-0042"),
        Variable("paid_at", "When it was paid.", "13 June 2026"),
        Variable("payment_method", "How it was paid; never a whole card number.", "Card ending in 4242"),
        Variable("total", "What was paid, with the currency.", "29.00 EUR"),
        Variable(
            "items",
            "What was bought, one item on a line, with its price and the tax.",
            "Harbour Notes, one month  24.37 EUR\nValue added tax, 19 %  4.63 EUR",
        ),
        Variable("receipt_url", "Where the receipt can be printed.", "https://notes.example.com/receipts/42"),
        Variable("support_email", "Whom to ask.", "billing@notes.example.com"),
        Variable(
            "legal_note",
            "What the law of your country wants on a receipt.",
            "Harbour Notes GmbH, Hamburg, VAT DE000000000",
            required=False,
        ),
    ),
)

_VERIFY_CODE: Final = Starter(
    alias="verify-code",
    name="Verification code",
    description="A code that proves that somebody reads this mailbox.",
    subject="{{code}} is your code for {{product_name}}",
    title="Your verification code",
    blocks=(
        Paragraph("Type this code into {{product_name}} to go on:"),
        Code("{{code}}"),
        Paragraph("It works once, for {{expires_in}}."),
        Note("You did not ask for it? Then do nothing. Nobody from {{product_name}} will ever ask you for this code."),
    ),
    variables=(
        _PRODUCT,
        Variable("code", "The code; send it as text, so that leading zeros stay.", "038 261"),
        Variable("expires_in", "How long the code works.", "10 minutes"),
    ),
)

_WELCOME: Final = Starter(
    alias="welcome",
    name="Welcome",
    description="The first mail to somebody who has just joined: one next step, and whom to ask.",
    subject="Welcome to {{product_name}}, {{name}}",
    title="Welcome to {{product_name}}",
    blocks=(
        Paragraph("Hello {{name}}, your account is ready. {{intro}}"),
        Button("{{first_step}}", "{{start_url}}"),
        Paragraph("Questions? Write to {{support_email}}. A person reads it."),
        Note("Somebody joined {{product_name}} with your address. It was not you? Tell us, and we delete the account."),
    ),
    variables=(
        _PRODUCT,
        _NAME,
        Variable(
            "intro",
            "What the recipient can do now, in a sentence.",
            "Write your first note, and it is on all your devices.",
            required=False,
        ),
        Variable("first_step", "The one thing to do first, as an invitation.", "Write your first note"),
        Variable("start_url", "Where that is done.", "https://notes.example.com/new"),
        Variable("support_email", "Whom to ask.", "help@notes.example.com"),
    ),
)

STARTERS: Final[Mapping[str, Starter]] = {
    one.alias: one
    for one in (_AGENT_STATUS, _APPROVAL_REQUEST, _DAILY_DIGEST, _PASSWORD_RESET, _RECEIPT, _VERIFY_CODE, _WELCOME)
}
"""All of them, by alias, ascending."""
