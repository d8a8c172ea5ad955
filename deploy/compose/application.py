"""A sample application: messages, and answers with the identity that it received.

It knows nothing about tokens. The Compose file determines who can reach it.
"""

import http.server
import json
import os

MESSAGES = []  # of all users; the newest first


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answers = {
            "/api/messages": {"messages": MESSAGES[:20]},
            "/api/admin/report": {"messages": len(MESSAGES)},
        }
        self.answer(200, answers.get(self.path, {}))

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 10_000))
        if self.path != "/api/messages":
            return self.answer(404, {})
        try:
            text = str(json.loads(body)["text"])[:200]
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {})
        # Only Envoy reaches this program, so the header is true: see compose.yaml.
        MESSAGES.insert(0, {"text": text, "author": self.headers["x-user-id"]})
        self.answer(201, {})

    def answer(self, status, content):
        given = {name.lower(): value for name, value in self.headers.items() if name.lower().startswith("x-user-") or name.lower() == "authorization"}
        body = json.dumps({"path": self.path, "given": given, **content}).encode() + b"\n"
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


host, _, port = os.environ["LISTEN"].rpartition(":")
http.server.ThreadingHTTPServer((host, int(port)), Answer).serve_forever()
