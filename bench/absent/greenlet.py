"""Stands before the real greenlet, which structlog imports where it is installed.

It is for the browser of the tests, and in no image: a service at rest is measured without it.
"""

raise ImportError("greenlet is for the tests alone")
