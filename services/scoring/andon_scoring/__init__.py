"""Andon's scoring service: prepared frames become scores."""
