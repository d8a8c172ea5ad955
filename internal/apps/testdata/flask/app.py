"""The application of make test-apps in Flask, with Flask's defaults.

    hypercorn app:asgi      waitress-serve app:app      flask --app app run

RECORD is the file that the handlers write to. With BEHIND_PROXY=1 it believes
the proxy's headers, as Flask's guide "Tell Flask it is Behind a Proxy" has it.
"""

import json
import os

from asgiref.wsgi import WsgiToAsgi
from flask import Flask, Response, request

app = Flask(__name__)
asgi = WsgiToAsgi(app)  # as Flask's guide to ASGI servers has it

if os.environ.get("BEHIND_PROXY") == "1":
    from werkzeug.middleware.proxy_fix import ProxyFix

    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)


def answer(name, id=""):
    """Records that a handler ran, before it answers."""
    line = json.dumps(
        {
            "probe": request.headers.get("x-probe", ""),
            "handler": name,
            "user": request.headers.get("x-user-id", "nobody"),
            "groups": request.headers.get("x-user-groups", ""),
            "method": request.method,
            "path": request.path,
            "id": id,
            "host": request.host,
        }
    )
    with open(os.environ["RECORD"], "a") as record:
        record.write(line + "\n")
    return Response(line, mimetype="application/json")


@app.get("/api/health")
def health():
    return answer("health")


@app.get("/api/activities/home")
def home():
    return answer("home")


@app.get("/api/admin/users")
def admin_users():
    return answer("admin-users")


@app.route("/api/admin/report", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"])
def admin_report():
    return answer("admin-report")


@app.put("/api/users/<id>/profile")
def profile(id):
    return answer("profile", id)


@app.get("/posts/<id>")
def read_post(id):
    return answer("post-read", id)


@app.post("/posts/<id>")
def write_post(id):
    return answer("post-write", id)


@app.delete("/posts/<id>")
def delete_post(id):
    return answer("post-delete", id)


@app.get("/messages/<id>")
def read_message(id):
    return answer("message-read", id)


@app.delete("/messages/<id>")
def delete_message(id):
    return answer("message-delete", id)


@app.get("/tenant")
def tenant():
    return answer("tenant")


@app.get("/admin/")
def admin_home():
    return answer("admin-home")


@app.get("/<page>")
def page(page):
    return answer("page")
