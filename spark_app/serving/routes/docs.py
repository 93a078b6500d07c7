"""/docs: Swagger UI from the package that carries its files; nothing comes from another machine."""

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from swagger_ui_bundle import swagger_ui_path

from spark_app.serving.problems import Problem

router = APIRouter(include_in_schema=False)

# Swagger UI sets styles in its elements; scripts come from here alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon-32x32.png": "image/png"}
_CACHED = {"cache-control": "private, max-age=86400"}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millstream</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="routes"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#routes",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
"""


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The description of all routes, for programs."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def docs() -> Response:
    """All routes, to be read and tried out."""
    return HTMLResponse(_PAGE, headers={"content-security-policy": POLICY})


@router.get("/docs/start.js")
async def start() -> Response:
    """What starts Swagger UI; a script within the page would need a wider policy."""
    return Response(_START, media_type="text/javascript")


@router.get("/docs/{name}")
async def file(name: str) -> Response:
    """A file of Swagger UI that the page asks for."""
    if name not in _FILES:
        raise Problem(404, "Not found")
    return FileResponse(swagger_ui_path / name, media_type=_FILES[name], headers=_CACHED)
