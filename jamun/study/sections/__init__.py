"""The sections of the page: each a function from the collected files to Markdown."""
