"""Settings: one pydantic tree, a file a section."""

from jamun.config.configuration import Configuration, ConfigurationError, load, parse, read

__all__ = ["Configuration", "ConfigurationError", "load", "parse", "read"]
