"""Settings: one pydantic tree, a file a section."""

from jamun.config.configuration import Configuration, load, parse, read, settings_for
from jamun.config.errors import ConfigurationError

__all__ = ["Configuration", "ConfigurationError", "load", "parse", "read", "settings_for"]
