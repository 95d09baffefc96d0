"""Andon's drift service: what the pictures themselves say is wrong with the inspection, named by cause."""
