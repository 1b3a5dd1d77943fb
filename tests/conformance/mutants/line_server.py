"""A server that takes lines, and answers each of them."""

from __future__ import annotations

from tests.streams import serving


class LineServer:
    """Keeps what comes as pairs: what stands before the tab, and the body behind it."""

    def __init__(self, *, silent=False):
        self.lines = []
        self._silent = silent

    async def __aenter__(self):
        self._server = serving(self._serve, limit=2**22)
        self.target = f"127.0.0.1:{await self._server.__aenter__()}"
        return self

    async def __aexit__(self, *error):
        await self._server.__aexit__(*error)

    async def _serve(self, reader, writer):
        try:
            while line := await reader.readline():
                if not self._silent:
                    beside, _, body = line.rstrip(b"\n").partition(b"\t")
                    self.lines.append((beside, body))
                    writer.write(b"ok\n")
        except ConnectionError:
            pass
        finally:
            writer.close()
