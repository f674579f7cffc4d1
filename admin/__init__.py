"""The web console and the REST API: two thin doors over the domain, as one WSGI application."""

from admin.app import create_app
from admin.context import ConsoleContext

__all__ = ["ConsoleContext", "create_app"]
