"""A sample application that answers with the identity that it received.

It knows nothing about tokens. The Compose file determines who can reach it.
"""

import http.server
import json
import os


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        given = {name.lower(): value for name, value in self.headers.items() if name.lower().startswith("x-user-") or name.lower() == "authorization"}
        body = json.dumps({"path": self.path, "given": given}).encode() + b"\n"
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


host, _, port = os.environ["LISTEN"].rpartition(":")
http.server.ThreadingHTTPServer((host, int(port)), Answer).serve_forever()
