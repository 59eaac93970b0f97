"""Files: atomic publication, provenance, JSON, progress, logging."""
