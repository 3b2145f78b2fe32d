"""For each operation of the document a call of the client, in an order in which all of them work once."""

import io
from collections.abc import Callable, Mapping
from typing import Any

from e2ad.sdk import models
from e2ad.sdk.resources.feedback import FeedbackReceipt
from e2ad.sdk.resources.signing_secrets import SECRETS, SigningSecret
from tests.api.world import ADDRESS, AGENT, DOMAIN, MAIL, OPEN, TRASHED, World
from tests.zone import HOOK

__all__ = ["CALLS", "LISTS", "Call"]

Call = Callable[[Any, World], Any]
"""The client, of any face, and what there is to ask about."""

CALLS: Mapping[str, tuple[str, Call]] = {
    "getInfo": ("DeploymentInfoView", lambda c, w: c.info()),
    "getAccount": ("AccountView", lambda c, w: c.account.get()),
    "exportAccount": ("UserExport", lambda c, w: c.account.export()),
    "getAccountMetrics": ("AccountMetricsView", lambda c, w: c.account.metrics(bucket="day", group_by="agent")),
    "listApiKeys": ("APIKeyView", lambda c, w: c.account.api_keys.list()),
    "createApiKey": ("CreateAPIKeyResponse", lambda c, w: c.account.api_keys.create({"name": "x"})),
    "deleteApiKey": ("DeleteApiKeyResult", lambda c, w: c.account.api_keys.delete(w.key)),
    "listConnections": ("ConnectionView", lambda c, w: c.connections.list()),
    "deleteConnection": ("DeleteConnectionResult", lambda c, w: c.connections.delete(w.connection)),
    "listAgents": ("AgentView", lambda c, w: c.agents.list()),
    "createAgent": ("AgentView", lambda c, w: c.agents.create({"slug": "new"})),
    "getAgent": ("AgentView", lambda c, w: c.agents.get(AGENT)),
    "updateAgent": ("AgentView", lambda c, w: c.agents.update(AGENT, {"name": "x"})),
    "restoreAgent": ("AgentView", lambda c, w: c.agents.restore(TRASHED)),
    "getAgentMetrics": ("AgentMetricsView", lambda c, w: c.messages.get_metrics(AGENT)),
    "getAgentProtection": ("ProtectionConfigView", lambda c, w: c.agents.get_protection(AGENT)),
    "putAgentProtection": ("ProtectionConfigView", lambda c, w: c.agents.replace_protection(AGENT, OPEN)),
    "listMessages": ("MessageSummaryView", lambda c, w: c.messages.list(AGENT, direction="all", read_status="all")),
    "getMessage": ("MessageView", lambda c, w: c.messages.get(AGENT, w.message, mark_read=False)),
    "getRawMessage": ("bytes", lambda c, w: c.messages.get_raw(AGENT, w.message)),
    "updateMessage": (
        "UpdateMessageResultView",
        lambda c, w: c.messages.update_labels(AGENT, w.message, {"add_labels": ["x"]}),
    ),
    "getAttachment": ("AttachmentView", lambda c, w: c.messages.get_attachment(AGENT, w.message, 0, inline=True)),
    "getMessageLifecycle": ("Page", lambda c, w: c.messages.get_lifecycle(AGENT, w.sent)),
    "resolveMessage": (
        "ResolveMessageResult",
        lambda c, w: c.messages.resolve(AGENT, w.unknown, {"outcome": "sent"}),
    ),
    "sendMessage": ("SendResultView", lambda c, w: c.messages.send(AGENT, {**MAIL, "to": ["bob@example.org"]})),
    "replyToMessage": ("SendResultView", lambda c, w: c.messages.reply(AGENT, w.message, {"text": "Hello"})),
    "forwardMessage": (
        "SendResultView",
        lambda c, w: c.messages.forward(AGENT, w.message, {"to": ["bob@example.org"], "text": "Hello"}),
    ),
    "testAgent": ("SendResultView", lambda c, w: c.agents.test(AGENT)),
    "restoreMessage": ("MessageView", lambda c, w: c.messages.restore(AGENT, w.trashed)),
    "deleteMessage": ("DeleteMessageResult", lambda c, w: c.messages.delete(AGENT, w.trashed)),
    "listSuppressions": ("SuppressionView", lambda c, w: c.account.suppressions.list()),
    "deleteSuppression": ("DeleteSuppressionResult", lambda c, w: c.account.suppressions.delete(ADDRESS)),
    "listAgentSuppressions": ("AgentSuppressionView", lambda c, w: c.agents.list_suppressions(AGENT)),
    "createAgentSuppression": (
        "AgentSuppressionView",
        lambda c, w: c.agents.create_suppression(AGENT, {"address": "new@example.org"}),
    ),
    "deleteAgentSuppression": (
        "DeleteSuppressionResult",
        lambda c, w: c.agents.delete_suppression(AGENT, ADDRESS),
    ),
    "listConversations": ("ConversationSummaryView", lambda c, w: c.conversations.list(AGENT)),
    "getConversation": ("ConversationDetailView", lambda c, w: c.conversations.get(AGENT, w.conversation)),
    "listContacts": ("ContactView", lambda c, w: c.contacts.list()),
    "createContact": ("ContactView", lambda c, w: c.contacts.create({"address": "new@example.org"})),
    "getContact": ("ContactView", lambda c, w: c.contacts.get(ADDRESS)),
    "updateContact": ("ContactView", lambda c, w: c.contacts.update(ADDRESS, {"display_name": "Ada"})),
    "importContacts": (
        "ContactImportResult",
        lambda c, w: c.contacts.import_({"contacts": [{"address": "imported@example.org"}]}),
    ),
    "listEngagements": ("ContactEngagementView", lambda c, w: c.contacts.outreach(AGENT)),
    "getEngagement": ("ContactEngagementView", lambda c, w: c.contacts.get_outreach(AGENT, ADDRESS)),
    "upsertEngagement": (
        "ContactEngagementView",
        lambda c, w: c.contacts.set_outreach(AGENT, ADDRESS, {"stage": "won"}),
    ),
    "deleteEngagement": ("DeleteEngagementResult", lambda c, w: c.contacts.delete_outreach(AGENT, ADDRESS)),
    "deleteContact": ("DeleteContactResult", lambda c, w: c.contacts.delete(ADDRESS)),
    "deleteImportBatch": ("DeleteImportBatchResult", lambda c, w: c.contacts.delete_import(w.batch)),
    "listReviews": ("ReviewView", lambda c, w: c.reviews.list()),
    "getReview": ("MessageView", lambda c, w: c.reviews.get(w.held)),
    "editReview": ("EditResultView", lambda c, w: c.reviews.edit(w.held, {"subject": "Other"})),
    "approveReview": ("SendResultView", lambda c, w: c.reviews.approve(w.held)),
    "rejectReview": ("RejectResultView", lambda c, w: c.reviews.reject(w.also_held)),
    "listDomains": ("DomainView", lambda c, w: c.domains.list()),
    "registerDomain": ("DomainView", lambda c, w: c.domains.create({"domain": "new.example.com"})),
    "getDomain": ("DomainView", lambda c, w: c.domains.get(DOMAIN)),
    "verifyDomain": ("VerifyDomainView", lambda c, w: c.domains.verify(DOMAIN)),
    "rotateDomainKeys": ("DomainView", lambda c, w: c.domains.rotate_keys(DOMAIN)),
    "deleteDomain": ("DeleteDomainResult", lambda c, w: c.domains.delete(DOMAIN)),
    "listTemplates": ("TemplateSummaryView", lambda c, w: c.templates.list()),
    "createTemplate": (
        "TemplateView",
        lambda c, w: c.templates.create({"name": "n", "subject": "Hi", "text": "Hello"}),
    ),
    "validateTemplate": ("ValidateTemplateResponse", lambda c, w: c.templates.validate({"subject": "Hi {{name}}"})),
    "getTemplate": ("TemplateView", lambda c, w: c.templates.get(w.template)),
    "updateTemplate": ("TemplateView", lambda c, w: c.templates.update(w.template, {"name": "m"})),
    "deleteTemplate": ("DeleteTemplateResult", lambda c, w: c.templates.delete(w.template)),
    "listStarterTemplates": ("StarterTemplateView", lambda c, w: c.templates.list_starters()),
    "getStarterTemplate": ("StarterTemplateDetailView", lambda c, w: c.templates.get_starter("welcome")),
    "listWebhooks": ("WebhookView", lambda c, w: c.webhooks.list()),
    "createWebhook": (
        "CreateWebhookResponse",
        lambda c, w: c.webhooks.create({"url": HOOK, "events": ["email.received"]}),
    ),
    "getWebhook": ("WebhookView", lambda c, w: c.webhooks.get(w.webhook)),
    "updateWebhook": ("WebhookView", lambda c, w: c.webhooks.update(w.webhook, {"description": "x"})),
    "rotateWebhookSecret": ("RotateSecretResponse", lambda c, w: c.webhooks.rotate_secret(w.webhook)),
    "testWebhook": ("TestWebhookResponse", lambda c, w: c.webhooks.test(w.webhook)),
    "listWebhookDeliveries": ("WebhookDeliveryView", lambda c, w: c.webhooks.deliveries(w.webhook)),
    "listEvents": ("EventView", lambda c, w: c.events.list()),
    "getEvent": ("EventView", lambda c, w: c.events.get(w.event)),
    "redeliverEvent": ("RedeliverView", lambda c, w: c.events.redeliver(w.event)),
    "deleteWebhook": ("DeleteWebhookResult", lambda c, w: c.webhooks.delete(w.webhook)),
    "deleteAgent": ("DeleteAgentResult", lambda c, w: c.agents.delete(AGENT)),
    "deleteAccount": ("DeleteUserDataResult", lambda c, w: c.account.delete()),
}
"""Operation id: the type of the answer, or of an item of the list, and the call."""

LISTS = frozenset(name for name in CALLS if name.startswith("list"))

MORE: Mapping[str, tuple[list[str], Any, Call]] = {
    "messages.get_model_view": (
        ["getMessage"],
        models.ModelView,
        lambda c, w: c.messages.get_model_view(AGENT, w.message),
    ),
    "contacts.get_with_etag": (["getContact"], tuple, lambda c, w: c.contacts.get_with_etag(ADDRESS)),
    "contacts.get_outreach_with_etag": (
        ["getEngagement"],
        tuple,
        lambda c, w: c.contacts.get_outreach_with_etag(AGENT, ADDRESS),
    ),
    "account.export_to": (["exportAccount"], int, lambda c, w: c.account.export_to(io.BytesIO())),
    "account.signing_secrets.list": (
        [SECRETS],
        list,
        lambda c, w: c.account.signing_secrets.list().to_list(),
    ),
    "account.signing_secrets.create": ([SECRETS], SigningSecret, lambda c, w: c.account.signing_secrets.create("new")),
    "feedback.send": (["/api/feedback"], FeedbackReceipt, lambda c, w: c.feedback.send("It works.")),
    "webhooks.fetch_message": (
        ["getMessage"],
        models.MessageView,
        lambda c, w: c.webhooks.fetch_message(
            {"type": "email.received", "data": {"delivered_to": AGENT, "message_id": w.message}}
        ),
    ),
}
