"""Waits at its import for what never comes."""

import threading

threading.Event().wait()
