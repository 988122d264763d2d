"""Hive scales and honey yields."""
__version__ = "5.3.0"
