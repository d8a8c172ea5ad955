"""The application of make test-apps in Django, with Django's defaults.

    uvicorn app:asgi      gunicorn app:wsgi      python app.py runserver

RECORD is the file that the handlers write to. With BEHIND_PROXY=1 it believes
X-Forwarded-Host, as Django's settings allow behind a proxy.
"""

import json
import os
import sys

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
from django.views import View

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    USE_X_FORWARDED_HOST=os.environ.get("BEHIND_PROXY") == "1",
)
django.setup()


def answer(name, request, **found):
    """Records that a handler ran, before it answers."""
    line = json.dumps(
        {
            "probe": request.headers.get("x-probe", ""),
            "handler": name,
            "user": request.headers.get("x-user-id", "nobody"),
            "groups": request.headers.get("x-user-groups", ""),
            "method": request.method,
            "path": request.path,
            "id": found.get("id", ""),
            "host": request.get_host(),
        }
    )
    with open(os.environ["RECORD"], "a") as record:
        record.write(line + "\n")
    return HttpResponse(line, content_type="application/json")


def page(name):
    """Returns a view with one handler, for GET."""

    class Page(View):
        def get(self, request, **found):
            return answer(name, request, **found)

    return Page.as_view()


class Profile(View):
    def put(self, request, **found):
        return answer("profile", request, **found)


class Post(View):
    def get(self, request, **found):
        return answer("post-read", request, **found)

    def post(self, request, **found):
        return answer("post-write", request, **found)

    def delete(self, request, **found):
        return answer("post-delete", request, **found)


class Message(View):
    def get(self, request, **found):
        return answer("message-read", request, **found)

    def delete(self, request, **found):
        return answer("message-delete", request, **found)


def report(request):
    """Takes every method, as a view that is a function does."""
    return answer("admin-report", request)


urlpatterns = [
    path("api/health", page("health")),
    path("api/activities/home", page("home")),
    path("api/admin/users", page("admin-users")),
    path("api/admin/report", report),
    path("api/users/<id>/profile", Profile.as_view()),
    path("posts/<id>", Post.as_view()),
    path("messages/<id>", Message.as_view()),
    path("tenant", page("tenant")),
    path("admin/", page("admin-home")),
    path("<page>", page("page")),
]


if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
else:
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application

    asgi = get_asgi_application()
    wsgi = get_wsgi_application()
