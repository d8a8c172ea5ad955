"""Serves the front end: the files of dist, and config.json from the environment."""

import http.server
import json
import os
import urllib.parse

POOL = os.environ["POOL"]
ENDPOINT = os.environ.get("COGNITO_ENDPOINT", "")  # of an emulator, as the browser reaches it; else AWS
CONFIG = {
    "api": os.environ["API"],
    "userPoolId": POOL,
    "clientId": os.environ["CLIENT"],
    "endpoint": ENDPOINT,
    "flow": os.environ.get("AUTH_FLOW", "USER_SRP_AUTH"),
}
# The page runs its own script only, and sends requests to these two servers only.
COGNITO = ENDPOINT or f"https://cognito-idp.{POOL.partition('_')[0]}.amazonaws.com"
CALLED = " ".join("{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(url)) for url in (CONFIG["api"], COGNITO))
POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' {CALLED}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


class Pages(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if urllib.parse.urlsplit(self.path).path != "/config.json":
            return super().do_GET()
        body = json.dumps(CONFIG).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self):
        self.send_header("content-security-policy", POLICY)
        self.send_header("x-content-type-options", "nosniff")
        self.send_header("referrer-policy", "no-referrer")
        self.send_header("cache-control", "no-cache")
        super().end_headers()

    def log_message(self, *_):
        pass


os.chdir(os.environ["FOLDER"])
host, _, port = os.environ["LISTEN"].rpartition(":")
http.server.ThreadingHTTPServer((host, int(port)), Pages).serve_forever()
