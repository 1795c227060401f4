"""The scripts of Bokeh and Panel, each compressed once."""

import gzip
from functools import cache
from pathlib import Path

import tornado.web


@cache
def _compressed(path: str) -> bytes:
    return gzip.compress(Path(path).read_bytes())


class Scripts(tornado.web.StaticFileHandler):
    """Serves scripts; to compress them anew for each browser took a tenth of a second."""

    async def get(self, path: str, include_body: bool = True) -> None:
        """Answer with a script, or that it is unchanged."""
        if "gzip" not in self.request.headers.get("Accept-Encoding", ""):
            await super().get(path, include_body)
            return
        self.path = self.parse_url_path(path)
        found = self.get_absolute_path(self.root, self.path)
        self.absolute_path = self.validate_absolute_path(self.root, found)
        if self.absolute_path is None:
            return
        self.modified = self.get_modified_time()
        self.set_headers()
        if self.should_return_304():
            self.set_status(304)
            return
        self.set_header("Content-Encoding", "gzip")
        await self.finish(_compressed(self.absolute_path))
