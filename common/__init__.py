"""Code that the services share. It imports none of them."""

__version__ = "0.2.0"
