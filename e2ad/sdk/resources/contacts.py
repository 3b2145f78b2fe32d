"""Contacts of the account, and how an agent stands with each."""

from __future__ import annotations

from e2ad.sdk import bodies, models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.terms import CONFIRMED, JSON, When

__all__ = ["Contacts"]

CONTACT = "/v1/contacts/{}"
OUTREACH = "/v1/agents/{}/contacts/{}"


class Contacts(Resource[F]):
    """`client.contacts`.

    A change that names what it has seen (`if_match`, the tag of `get_with_etag`) fails if somebody else was quicker.
    Such a change is tried once: a second time its own success would look like somebody else's.
    """

    @paged
    def list(
        self,
        *,
        source: str | None = None,
        import_batch_id: str | None = None,
        created_after: When | None = None,
        created_before: When | None = None,
        limit: int | None = None,
    ) -> Paging[models.ContactView]:
        """All contacts."""
        return self._list(
            models.ContactView,
            "/v1/contacts",
            source=source,
            import_batch_id=import_batch_id,
            created_after=created_after,
            created_before=created_before,
            limit=limit,
        )

    @operation
    def get(self, address: str) -> Steps[models.ContactView]:
        """One contact."""
        return self._call(models.ContactView, "GET", CONTACT, address)

    @operation
    def get_with_etag(self, address: str) -> Steps[tuple[models.ContactView, str | None]]:
        """One contact and the tag of its version."""
        return self._tagged(models.ContactView, CONTACT, address)

    @operation
    def create(
        self, body: bodies.CreateContactRequest | JSON, *, idempotency_key: str | None = None
    ) -> Steps[models.ContactView]:
        """A new contact."""
        return self._call(
            models.ContactView, "POST", "/v1/contacts", body=body, keyed=True, idempotency_key=idempotency_key
        )

    @operation
    def update(
        self, address: str, patch: bodies.UpdateContactRequest | JSON, *, if_match: str | None = None
    ) -> Steps[models.ContactView]:
        """Change what `patch` names."""
        return self._call(
            models.ContactView,
            "PATCH",
            CONTACT,
            address,
            body=patch,
            headers={"If-Match": if_match},
            retried=if_match is None,
        )

    @operation
    def delete(self, address: str) -> Steps[models.DeleteContactResult]:
        """Forget a contact."""
        return self._call(models.DeleteContactResult, "DELETE", CONTACT, address, query=CONFIRMED)

    @operation
    def import_(
        self, body: bodies.ImportContactsRequest | JSON, *, idempotency_key: str | None = None
    ) -> Steps[models.ContactImportResult]:
        """Many contacts at once; the answer says line by line what became of each."""
        route = "/v1/contacts/import"
        return self._call(
            models.ContactImportResult, "POST", route, body=body, keyed=True, idempotency_key=idempotency_key
        )

    @operation
    def delete_import(self, batch_id: str) -> Steps[models.DeleteImportBatchResult]:
        """Take an import back, except where something has been done with it since."""
        route = "/v1/contacts/imports/{}"
        return self._call(models.DeleteImportBatchResult, "DELETE", route, batch_id, query=CONFIRMED)

    @paged
    def outreach(
        self,
        email: str,
        *,
        stage: str | None = None,
        replied: bool | None = None,
        suppressed: bool | None = None,
        next_action_before: When | None = None,
        last_outbound_before: When | None = None,
        limit: int | None = None,
    ) -> Paging[models.ContactEngagementView]:
        """How an agent stands with its contacts."""
        return self._list(
            models.ContactEngagementView,
            "/v1/agents/{}/contacts",
            email,
            stage=stage,
            replied=replied,
            suppressed=suppressed,
            next_action_before=next_action_before,
            last_outbound_before=last_outbound_before,
            limit=limit,
        )

    @operation
    def get_outreach(self, email: str, address: str) -> Steps[models.ContactEngagementView]:
        """How an agent stands with one contact."""
        return self._call(models.ContactEngagementView, "GET", OUTREACH, email, address)

    @operation
    def get_outreach_with_etag(
        self, email: str, address: str
    ) -> Steps[tuple[models.ContactEngagementView, str | None]]:
        """How an agent stands with one contact, and the tag of that version."""
        return self._tagged(models.ContactEngagementView, OUTREACH, email, address)

    @operation
    def set_outreach(
        self,
        email: str,
        address: str,
        body: bodies.UpsertEngagementRequest | JSON,
        *,
        if_match: str | None = None,
    ) -> Steps[models.ContactEngagementView]:
        """Write down how an agent stands with a contact; what `body` leaves out stays."""
        return self._call(
            models.ContactEngagementView,
            "PUT",
            OUTREACH,
            email,
            address,
            body=body,
            headers={"If-Match": if_match},
            retried=if_match is None,
        )

    @operation
    def delete_outreach(self, email: str, address: str) -> Steps[models.DeleteEngagementResult]:
        """Forget how an agent stands with a contact."""
        return self._call(models.DeleteEngagementResult, "DELETE", OUTREACH, email, address, query=CONFIRMED)
