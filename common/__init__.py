"""What the services agree on. Imports none of them."""

__version__ = "0.2.0"
