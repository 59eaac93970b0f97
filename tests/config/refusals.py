"""What every refusal of a configuration is: one sentence that names the file."""

import pytest

from jamun.config import ConfigurationError, parse


def assert_refused(raw, words):
    """The mapping is refused in one short line that starts with its file's name and has `words` in it."""
    with pytest.raises(ConfigurationError) as caught:
        parse(raw, "my.yaml")
    message = str(caught.value)
    assert message.startswith("my.yaml: ")
    assert words in message
    assert "\n" not in message
    assert len(message) < 500
