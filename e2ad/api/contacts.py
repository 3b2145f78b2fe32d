"""Contacts of the account: one by one, and by the thousand."""

from attrs import asdict
from msgspec import UNSET

from e2ad.api.contact_views import (
    ContactImportResult,
    ContactView,
    CreateContactRequest,
    DeleteContactResult,
    DeleteImportBatchResult,
    ImportContactsRequest,
    ListContactsQuery,
    PageContactView,
    UpdateContactRequest,
    contact_view,
    import_view,
)
from e2ad.api.operation import Call, Result, operation
from e2ad.api.services import Services
from e2ad.api.views import ConfirmQuery, filter_instant
from e2ad.core import errors
from e2ad.core.address import fold_address
from e2ad.core.contacts import Row
from e2ad.core.etags import etag, parse_if_match
from e2ad.gateway.contacts import Contacts, Upload, read_lines
from e2ad.storage.contacts import ContactFilter

__all__ = ["OPERATIONS", "contacts"]

IMPORT_BYTES = 20_971_520


def contacts(services: Services) -> Contacts:
    """The verbs over this process's collaborators."""
    return Contacts(services.db)


@operation(
    "listContacts",
    "GET",
    "/v1/contacts",
    tag="contacts",
    summary="List contacts",
    query=ListContactsQuery,
    success={200: PageContactView},
    errors=(errors.InvalidFilter, errors.InvalidCursor),
    beta=True,
)
async def list_contacts(call: Call[ListContactsQuery, None]) -> PageContactView:
    """Whom the account deals with, newest first."""
    query, account_id = call.query, call.principal.account_id
    wanted = ContactFilter(
        source=query.source or None,
        import_batch_id=query.import_batch_id or None,
        created_after=filter_instant("created_after", query.created_after),
        created_before=filter_instant("created_before", query.created_before),
    )
    walk = call.services.cursors.walk(account_id, "contacts", asdict(wanted))
    found = await contacts(call.services).page(
        account_id, wanted, before=walk.start(query.cursor), limit=query.limit + 1
    )
    page, cursor = walk.page(found, query.limit, lambda row: (row.created_at, row.address))
    return PageContactView([contact_view(row) for row in page], cursor)


@operation(
    "createContact",
    "POST",
    "/v1/contacts",
    tag="contacts",
    summary="Create a contact",
    body=CreateContactRequest,
    success={201: ContactView},
    location="/v1/contacts/{address}",
    errors=(
        errors.InvalidRecipient,
        errors.InvalidRequest,
        errors.ContactLimitReached,
        errors.ContactExists,
        errors.IdempotencyInFlight,
        errors.IdempotencyKeyReuse,
    ),
    beta=True,
    idempotent=True,
)
async def create_contact(call: Call[None, CreateContactRequest]) -> Result:
    """Add one contact. However it is written, an address is one contact: again is 409."""
    body = call.body
    async with call.services.db.transaction() as transaction:
        added = await contacts(call.services).create(
            transaction,
            call.principal.account_id,
            body.address,
            body.display_name or "",
            None if body.metadata is UNSET else body.metadata,
        )
        return await call.settle(transaction, Result(201, contact_view(added)))


@operation(
    "getContact",
    "GET",
    "/v1/contacts/{address}",
    tag="contacts",
    summary="Get a contact",
    success={200: ContactView},
    errors=(errors.ContactNotFound,),
    beta=True,
    tagged=True,
)
async def get_contact(call: Call[None, None]) -> Result:
    """One contact, by any spelling of its address."""
    found = await contacts(call.services).get(call.principal.account_id, call.path["address"])
    return Result(200, contact_view(found), {"ETag": etag(found.etag)})


@operation(
    "updateContact",
    "PATCH",
    "/v1/contacts/{address}",
    tag="contacts",
    summary="Update a contact",
    body=UpdateContactRequest,
    success={200: ContactView},
    errors=(errors.InvalidRequest, errors.ContactNotFound, errors.PreconditionFailed),
    beta=True,
    tagged=True,
    conditional=True,
)
async def update_contact(call: Call[None, UpdateContactRequest]) -> Result:
    """Change name or metadata; what is left out stays. The address and where it came from never change."""
    body = call.body
    changed = await contacts(call.services).update(
        call.principal.account_id,
        call.path["address"],
        display_name=None if body.display_name is UNSET else body.display_name,
        metadata=None if body.metadata is UNSET else body.metadata,
        condition=parse_if_match(call.header("if-match")),
    )
    return Result(200, contact_view(changed), {"ETag": etag(changed.etag)})


@operation(
    "deleteContact",
    "DELETE",
    "/v1/contacts/{address}",
    tag="contacts",
    summary="Delete a contact",
    query=ConfirmQuery,
    success={200: DeleteContactResult},
    errors=(errors.ContactNotFound,),
    beta=True,
)
async def delete_contact(call: Call[ConfirmQuery, None]) -> DeleteContactResult:
    """Remove a contact and all outreach to it. Suppressions stay: nobody becomes writable by being forgotten."""
    address = await contacts(call.services).delete(call.principal.account_id, call.path["address"])
    return DeleteContactResult(deleted=True, address=address)


@operation(
    "importContacts",
    "POST",
    "/v1/contacts/import",
    tag="contacts",
    summary="Import contacts",
    body=ImportContactsRequest,
    success={200: ContactImportResult},
    errors=(errors.InvalidRequest, errors.NotFound, errors.IdempotencyInFlight, errors.IdempotencyKeyReuse),
    beta=True,
    idempotent=True,
    max_body=IMPORT_BYTES,
)
async def import_contacts(call: Call[None, ImportContactsRequest]) -> Result:
    """Add and update up to 1000 contacts; each line has its own outcome. Sends nothing.

    With `agent_email` all good lines are enrolled with that agent, in the same transaction.
    """
    body = call.body
    entries, others = await read_lines(
        [
            Row(
                row.address,
                None if row.display_name is UNSET else row.display_name,
                None if row.metadata is UNSET else row.metadata,
            )
            for row in body.contacts
        ]
    )
    upload = Upload(
        entries=entries,
        others=others,
        merge=body.on_conflict == "merge",
        agent_email=fold_address(body.agent_email) if body.agent_email else None,
        stage=body.stage or "",
    )
    async with call.services.db.transaction() as transaction:
        imported = await contacts(call.services).load(transaction, call.principal.account_id, upload)
        return await call.settle(transaction, Result(200, import_view(imported)))


@operation(
    "deleteImportBatch",
    "DELETE",
    "/v1/contacts/imports/{batch_id}",
    tag="contacts",
    summary="Undo an import",
    query=ConfirmQuery,
    success={200: DeleteImportBatchResult},
    errors=(errors.ImportBatchNotFound,),
    beta=True,
)
async def delete_import_batch(call: Call[ConfirmQuery, None]) -> DeleteImportBatchResult:
    """Remove what an import made and nobody has changed, enrolled or had mail with since; the rest stays."""
    batch_id = call.path["batch_id"]
    left = await contacts(call.services).undo(call.principal.account_id, batch_id)
    return DeleteImportBatchResult(
        deleted=True,
        batch_id=batch_id,
        contacts_deleted=left.contacts_deleted,
        contacts_retained=left.contacts_retained,
        engagements_deleted=left.engagements_deleted,
    )


OPERATIONS = [
    list_contacts,
    create_contact,
    get_contact,
    update_contact,
    delete_contact,
    import_contacts,
    delete_import_batch,
]
