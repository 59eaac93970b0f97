"""From the finished results of a study to a page, a folder of small files, and a shipped model with its card."""
