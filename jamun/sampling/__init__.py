"""Walk-jump sampling."""
