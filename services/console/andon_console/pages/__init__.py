"""One module of routes a page."""
