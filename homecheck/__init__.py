"""homecheck proves that a home office is ready to take calls."""

__version__ = "0.1.0"
