"""Bundles and what serves where: shown, compared, changed."""
