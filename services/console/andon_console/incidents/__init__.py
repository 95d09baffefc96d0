"""An incident as its page tells it."""
