"""The API's description of itself: the OpenAPI document, and a page to read and try it.

The page is Swagger UI, whose files come with the package: nothing is loaded from elsewhere, so it
works offline and under a strict Content-Security-Policy.

Who is signed in to the pages is nobody here: the API takes tokens only. The page lets them make one
that is of use for an hour. The API could take their cookie instead, but browsers send a cookie with
what other sites ask for, too, so each route would have to be defended against that; and a cookie
that is sent beyond the pages can be stolen beyond them. A token is made on purpose, stands in the
list of tokens and in the audit log, and can be revoked.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from litestar import Request, Router
from litestar.datastructures import ResponseHeader
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, Schema, SecurityScheme
from litestar.plugins.attrs import AttrsSchemaPlugin
from litestar.typing import FieldDefinition

from asyncevents_core.web.files import API, PAGES, static_files, version_of

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator

PATH: Final = "/rest/docs"
# Swagger UI needs no more: it styles through the DOM, which is not forbidden as attributes in HTML
# are; the pictures of its style sheet are data: URLs.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class PagePlugin(OpenAPIRenderPlugin):
    """Renders the page; its script reads the document. `pages`: there are pages to go back to."""

    def __init__(self, *, path: str, pages: bool) -> None:
        super().__init__(path=path)
        self._pages = pages

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page; its links are right with and without a slash at the end."""
        asked = request.scope.get("raw_path", b"").partition(b"?")[0]
        engine = request.app.template_engine
        assert engine is not None  # noqa: S101 - `create_app` gives the application one
        page: str = engine.get_template("docs.html").render(
            base="" if asked.endswith(b"/") else "docs/",
            version=version_of(API, PAGES),
            pages=self._pages,
        )
        return page.encode()


class DocumentPlugin(JsonRenderPlugin):
    """Renders the document; where the API is mounted, it says where."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the document."""
        root = request.scope.get("root_path", "").rstrip("/")
        servers = [{"url": root or "/"}]
        return super().render(request, {**openapi_schema, "servers": servers})


class DescribedSchemas(AttrsSchemaPlugin):
    """Describes classes by their docstrings, and by the ``EXAMPLE`` of those that have one.

    Where a class says ``PARTIAL``, each of its fields may be missing.
    """

    def to_openapi_schema(
        self, field_definition: FieldDefinition, schema_creator: SchemaCreator
    ) -> Schema:
        """Return the schema of an attrs class."""
        schema = super().to_openapi_schema(field_definition, schema_creator)
        described = field_definition.type_
        schema.description = inspect.getdoc(described)
        example = getattr(described, "EXAMPLE", None)
        schema.examples = None if example is None else [example]
        if getattr(described, "PARTIAL", False):
            schema.required = None
        return schema


def openapi(*, pages: bool) -> OpenAPIConfig:
    """Return how document and page are made and where they are served.

    `pages` says whether the application has pages to go back to.
    """
    return OpenAPIConfig(
        title="asyncevents",
        version="1",
        use_handler_docstrings=True,
        description="Subscriptions to events, their deliveries, and what became of them.",
        openapi_router=Router(
            PATH,
            route_handlers=[static_files("/static", API, PAGES)],
            response_headers=[ResponseHeader(name="Content-Security-Policy", value=POLICY)],
            include_in_schema=False,
        ),
        render_plugins=[PagePlugin(path="/", pages=pages), DocumentPlugin(path="/openapi.json")],
        components=Components(
            security_schemes={
                "token": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="A token that `asyncevents token create` made.",
                )
            }
        ),
    )
