"""What the API takes, typed: made from the OpenAPI document, never by hand.

- `account`: the account, its keys and the programs that were let in
- `agents`: agents, their protection, and whom they do not write to
- `contacts`: contacts, and how an agent stands with each
- `domains`: domains and the DNS records that they need
- `events`: what has happened
- `messages`: mail: its parts, the evidence about its sender, what became of it
- `reviews`: mail that waits for a person
- `templates`: templates and starters
- `webhooks`: webhooks and their deliveries

Rules. A body is a plain dict: these types are for type checkers and editors. Times may be `datetime`, and the
content of an attachment `bytes`.

What may go wrong. The server says what is wrong with a body: `E2AValidationError`, with a line for each member.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from e2ad.sdk.bodies.account import CreateAPIKeyRequest
    from e2ad.sdk.bodies.agents import (
        CreateAgentRequest,
        CreateAgentSuppressionRequest,
        ProtectionConfigRequest,
        ProtectionDirectionRequest,
        ProtectionGateRequest,
        ProtectionHoldsRequest,
        ProtectionOutboundRequest,
        ProtectionScanRequest,
        ProvenanceRequest,
        UpdateAgentRequest,
    )
    from e2ad.sdk.bodies.contacts import (
        ContactImportRow,
        CreateContactRequest,
        ImportContactsRequest,
        UpdateContactRequest,
        UpsertEngagementRequest,
    )
    from e2ad.sdk.bodies.domains import RegisterDomainRequest
    from e2ad.sdk.bodies.events import RedeliverEventRequest
    from e2ad.sdk.bodies.messages import (
        Attachment,
        ForwardRequest,
        ReplyRequest,
        ResolveMessageRequest,
        SendEmailRequest,
        UnsubscribeOptions,
        UpdateMessageRequest,
    )
    from e2ad.sdk.bodies.reviews import ApproveRequest, RejectRequest
    from e2ad.sdk.bodies.templates import CreateTemplateRequest, UpdateTemplateRequest, ValidateTemplateRequest
    from e2ad.sdk.bodies.webhooks import (
        CreateWebhookRequest,
        TestWebhookRequest,
        UpdateWebhookRequest,
        WebhookFiltersRequest,
    )

__all__ = [
    "ApproveRequest",
    "Attachment",
    "ContactImportRow",
    "CreateAPIKeyRequest",
    "CreateAgentRequest",
    "CreateAgentSuppressionRequest",
    "CreateContactRequest",
    "CreateTemplateRequest",
    "CreateWebhookRequest",
    "ForwardRequest",
    "ImportContactsRequest",
    "ProtectionConfigRequest",
    "ProtectionDirectionRequest",
    "ProtectionGateRequest",
    "ProtectionHoldsRequest",
    "ProtectionOutboundRequest",
    "ProtectionScanRequest",
    "ProvenanceRequest",
    "RedeliverEventRequest",
    "RegisterDomainRequest",
    "RejectRequest",
    "ReplyRequest",
    "ResolveMessageRequest",
    "SendEmailRequest",
    "TestWebhookRequest",
    "UnsubscribeOptions",
    "UpdateAgentRequest",
    "UpdateContactRequest",
    "UpdateMessageRequest",
    "UpdateTemplateRequest",
    "UpdateWebhookRequest",
    "UpsertEngagementRequest",
    "ValidateTemplateRequest",
    "WebhookFiltersRequest",
]

_HOMES: Final = {
    "ApproveRequest": "reviews",
    "Attachment": "messages",
    "ContactImportRow": "contacts",
    "CreateAPIKeyRequest": "account",
    "CreateAgentRequest": "agents",
    "CreateAgentSuppressionRequest": "agents",
    "CreateContactRequest": "contacts",
    "CreateTemplateRequest": "templates",
    "CreateWebhookRequest": "webhooks",
    "ForwardRequest": "messages",
    "ImportContactsRequest": "contacts",
    "ProtectionConfigRequest": "agents",
    "ProtectionDirectionRequest": "agents",
    "ProtectionGateRequest": "agents",
    "ProtectionHoldsRequest": "agents",
    "ProtectionOutboundRequest": "agents",
    "ProtectionScanRequest": "agents",
    "ProvenanceRequest": "agents",
    "RedeliverEventRequest": "events",
    "RegisterDomainRequest": "domains",
    "RejectRequest": "reviews",
    "ReplyRequest": "messages",
    "ResolveMessageRequest": "messages",
    "SendEmailRequest": "messages",
    "TestWebhookRequest": "webhooks",
    "UnsubscribeOptions": "messages",
    "UpdateAgentRequest": "agents",
    "UpdateContactRequest": "contacts",
    "UpdateMessageRequest": "messages",
    "UpdateTemplateRequest": "templates",
    "UpdateWebhookRequest": "webhooks",
    "UpsertEngagementRequest": "contacts",
    "ValidateTemplateRequest": "templates",
    "WebhookFiltersRequest": "webhooks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"there is no {name} here")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
