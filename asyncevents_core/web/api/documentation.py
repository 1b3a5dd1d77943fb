"""The API's description of itself: the OpenAPI document, and a page to read and try it.

The page is our own: nothing is loaded from elsewhere, so it works offline and under a strict
Content-Security-Policy.
"""

from __future__ import annotations

import inspect
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from litestar import Request, Response, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, Schema, SecurityScheme
from litestar.plugins.attrs import AttrsSchemaPlugin
from litestar.typing import FieldDefinition

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator

PATH: Final = "/rest/docs"
POLICY: Final = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
PUBLIC_OPTIONS: Final[dict[str, object]] = {"resource": "public"}


class PagePlugin(OpenAPIRenderPlugin):
    """Renders the page; its script reads the document."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page; its links are right with and without a slash at the end."""
        page = _static("ui.html")
        asked = request.scope.get("raw_path", b"").partition(b"?")[0]
        return page.replace(b'"docs/', b'"') if asked.endswith(b"/") else page


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


@get(f"{PATH}/ui.js", opt=PUBLIC_OPTIONS, include_in_schema=False, sync_to_thread=False)
def script() -> Response[bytes]:
    """Return the page's script."""
    return Response(_static("ui.js"), media_type="text/javascript")


@get(f"{PATH}/ui.css", opt=PUBLIC_OPTIONS, include_in_schema=False, sync_to_thread=False)
def style() -> Response[bytes]:
    """Return the page's style."""
    return Response(_static("ui.css"), media_type="text/css")


HANDLERS: Final = [script, style]


def openapi() -> OpenAPIConfig:
    """Return how the document is made and where it is served."""
    return OpenAPIConfig(
        title="asyncevents",
        version="1",
        use_handler_docstrings=True,
        description="Subscriptions to events, their deliveries, and what became of them.",
        path=PATH,
        render_plugins=[PagePlugin(path="/"), DocumentPlugin(path="/openapi.json")],
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


def _static(name: str) -> bytes:
    return files("asyncevents_core.web").joinpath("static", name).read_bytes()
