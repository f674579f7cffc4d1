"""Needs a library that nobody has installed."""

import nothing_of_this_name  # type: ignore[import-not-found]  # noqa: F401
