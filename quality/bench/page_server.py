"""A server of prepared, gzipped pages, so that a measurement covers the reader only.

`python -m bench.page_server PAGES` runs in its own process, prints its URL and serves until its input ends.
"""

import gzip
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.pages import Pages

_OFFSET = re.compile(rb"<offset>(\d+)</offset>")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pages: Pages

    def do_POST(self) -> None:
        """Answer with the page at the query's offset."""
        offset = _OFFSET.search(self.rfile.read(int(self.headers["Content-Length"])))
        number = int(offset[1]) // self.pages.records if offset else 0
        body = gzip.compress(self.pages.body(number), 6, mtime=0)
        self.send_response(200)
        self.send_header("Content-Type", 'text/xml; encoding="UTF-8"')
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until standard input ends."""
    _Handler.pages = Pages(int(sys.argv[1]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    sys.stdin.read()
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
