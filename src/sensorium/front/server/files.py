"""The page's own files, read once at the start. No path from outside is ever opened: it is looked up."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from sensorium.errors import BadInput

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
_MAX_BYTES = 5_000_000


class File(NamedTuple):
    data: bytes
    content_type: str
    etag: str


def of_client() -> dict[str, File]:
    """By path, "/" among them; blocks. Raises BadInput when the page is not installed as it should be."""
    folder = Path(str(resources.files("sensorium"))) / "client"
    return listed(folder)


def listed(folder: Path) -> dict[str, File]:
    found: dict[str, File] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if not path.is_file() or path.name.startswith("."):
            continue
        if path.suffix not in _TYPES or path.is_symlink() or path.stat().st_size > _MAX_BYTES:
            raise BadInput(f"{path} is no part of a page", remedy="install sensorium again")
        data = path.read_bytes()
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        found[f"/{path.relative_to(folder).as_posix()}"] = File(data, _TYPES[path.suffix], etag)
    if "/index.html" not in found:
        raise BadInput("the room's page is not installed", remedy="install sensorium again")
    return {"/": found["/index.html"], **found}


class Files:
    """Over those that were listed; `answer` is an endpoint."""

    def __init__(self, files: dict[str, File]) -> None:
        self._files = files

    async def answer(self, request: Request) -> Response:
        file = self._files.get(request.url.path)
        if file is None:
            return Response("not found", 404)
        headers = {"etag": file.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.data, headers={**headers, "content-type": file.content_type})
