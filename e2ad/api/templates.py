"""Templates of an account, and the starters that can be copied (contract: templates)."""

from typing import Final

from msgspec import UNSET

from e2ad.api.operation import Call, Result, operation
from e2ad.api.services import Services
from e2ad.api.template_views import (
    CreateTemplateRequest,
    DeleteTemplateResult,
    PageStarterTemplateView,
    PageTemplateSummaryView,
    RenderedTemplateView,
    StarterTemplateDetailView,
    StarterTemplateView,
    TemplatePartError,
    TemplateView,
    UpdateTemplateRequest,
    ValidateTemplateRequest,
    ValidateTemplateResponse,
    summary_view,
    template_view,
    variable_views,
    verbatim,
)
from e2ad.api.views import ConfirmQuery, PageQuery
from e2ad.core import errors
from e2ad.gateway import templates as verbs
from e2ad.gateway.templates import Sources, TemplateDraft, Templates
from e2ad.storage.templates import Change

__all__ = ["OPERATIONS"]

STARTER_COLLECTION: Final = "starter_templates"


@operation(
    "listTemplates",
    "GET",
    "/v1/templates",
    tag="templates",
    summary="List templates",
    query=PageQuery,
    success={200: PageTemplateSummaryView},
    errors=(errors.InvalidCursor,),
    beta=True,
)
async def list_templates(call: Call[PageQuery, None]) -> PageTemplateSummaryView:
    """The account's templates without their bodies, newest first."""
    query, account_id = call.query, call.principal.account_id
    walk = call.services.cursors.walk(account_id, "templates")
    found = await _templates(call.services).page(account_id, before=walk.start(query.cursor), limit=query.limit + 1)
    page, cursor = walk.page(found, query.limit, lambda row: (row.created_at, row.id))
    return PageTemplateSummaryView([summary_view(row) for row in page], cursor)


@operation(
    "createTemplate",
    "POST",
    "/v1/templates",
    tag="templates",
    summary="Create a template",
    body=CreateTemplateRequest,
    success={201: TemplateView},
    location="/v1/templates/{id}",
    errors=(
        errors.InvalidTemplate,
        errors.AliasTaken,
        errors.TemplateLimitReached,
        errors.NotFound,
        errors.StarterTemplateNotFound,
    ),
    beta=True,
)
async def create_template(call: Call[None, CreateTemplateRequest]) -> Result:
    """Store a template, written out or copied from a starter. Sends refer to it by id or alias."""
    body = call.body
    draft = TemplateDraft(
        name=body.name or "",
        alias=body.alias or "",
        sources=Sources(body.subject or None, body.text or None, body.html or None),
        from_starter=body.from_starter or "",
    )
    made = await _templates(call.services).create(call.principal.account_id, draft)
    return Result(201, template_view(made))


@operation(
    "validateTemplate",
    "POST",
    "/v1/templates/validate",
    tag="templates",
    summary="Try template sources without storing them",
    body=ValidateTemplateRequest,
    success={200: ValidateTemplateResponse},
    beta=True,
)
async def validate_template(call: Call[None, ValidateTemplateRequest]) -> ValidateTemplateResponse:
    """Tell whether each part can be read and how it looks with `test_data`, and suggest data for its variables."""
    body = call.body
    data = {} if body.test_data is UNSET else verbatim(call.raw_body, "test_data")
    preview = await verbs.check(Sources(body.subject or None, body.text or None, body.html or None), data)
    rendered = preview.rendered
    return ValidateTemplateResponse(
        valid=preview.valid,
        errors=[TemplatePartError(part, message) for part, message in preview.problems],
        rendered=UNSET
        if rendered is None
        else RenderedTemplateView(rendered.subject, rendered.text, UNSET if rendered.html is None else rendered.html),
        suggested_data=preview.suggested,
    )


@operation(
    "getTemplate",
    "GET",
    "/v1/templates/{id}",
    tag="templates",
    summary="Get a template",
    success={200: TemplateView},
    errors=(errors.TemplateNotFound,),
    beta=True,
)
async def get_template(call: Call[None, None]) -> TemplateView:
    """One template, with its sources."""
    return template_view(await _templates(call.services).get(call.principal.account_id, call.path["id"]))


@operation(
    "updateTemplate",
    "PATCH",
    "/v1/templates/{id}",
    tag="templates",
    summary="Update a template",
    body=UpdateTemplateRequest,
    success={200: TemplateView},
    errors=(errors.InvalidTemplate, errors.AliasTaken, errors.TemplateNotFound),
    beta=True,
)
async def update_template(call: Call[None, UpdateTemplateRequest]) -> TemplateView:
    """Change a template; mails that it made already stay as they are."""
    body = call.body
    change = Change(
        name=None if body.name is UNSET else body.name,
        alias=None if body.alias is UNSET else body.alias,
        subject=None if body.subject is UNSET else body.subject,
        body_text=None if body.text is UNSET else body.text,
        body_html=None if body.html is UNSET else body.html,
    )
    return template_view(await _templates(call.services).update(call.principal.account_id, call.path["id"], change))


@operation(
    "deleteTemplate",
    "DELETE",
    "/v1/templates/{id}",
    tag="templates",
    summary="Delete a template",
    query=ConfirmQuery,
    success={200: DeleteTemplateResult},
    errors=(errors.TemplateNotFound,),
    beta=True,
)
async def delete_template(call: Call[ConfirmQuery, None]) -> DeleteTemplateResult:
    """Remove a template for good; mails that it made stay."""
    await _templates(call.services).delete(call.principal.account_id, call.path["id"])
    return DeleteTemplateResult(deleted=True, id=call.path["id"])


@operation(
    "listStarterTemplates",
    "GET",
    "/v1/starter-templates",
    tag="templates",
    summary="List starter templates",
    query=PageQuery,
    success={200: PageStarterTemplateView},
    errors=(errors.InvalidCursor,),
    beta=True,
)
async def list_starter_templates(call: Call[PageQuery, None]) -> PageStarterTemplateView:
    """Templates to start from, by alias."""
    query, account_id, cursors = call.query, call.principal.account_id, call.services.cursors
    after = ""
    if query.cursor:
        (after,) = cursors.open(query.cursor, account_id, STARTER_COLLECTION, {}, length=1)
    found = verbs.starters(after=after, limit=query.limit + 1)
    page, cursor = found[: query.limit], None
    if len(found) > query.limit:
        cursor = cursors.seal(account_id, STARTER_COLLECTION, {}, [page[-1].alias])
    views = [
        StarterTemplateView(one.alias, one.name, one.description, one.version, one.subject, variable_views(one))
        for one in page
    ]
    return PageStarterTemplateView(views, cursor)


@operation(
    "getStarterTemplate",
    "GET",
    "/v1/starter-templates/{alias}",
    tag="templates",
    summary="Get a starter template",
    success={200: StarterTemplateDetailView},
    errors=(errors.StarterTemplateNotFound,),
    beta=True,
)
async def get_starter_template(call: Call[None, None]) -> StarterTemplateDetailView:
    """One starter, with its sources: copy it with `from_starter`, then edit the copy."""
    one = verbs.starter(call.path["alias"])
    return StarterTemplateDetailView(
        alias=one.alias,
        name=one.name,
        description=one.description,
        version=one.version,
        subject=one.subject,
        text=one.text,
        html=one.html,
        variables=variable_views(one),
    )


def _templates(services: Services) -> Templates:
    return Templates(services.db)


OPERATIONS = [
    list_templates,
    create_template,
    validate_template,
    get_template,
    update_template,
    delete_template,
    list_starter_templates,
    get_starter_template,
]
