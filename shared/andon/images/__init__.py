"""Images: bytes from a stranger become the pixels a model sees. Needs the extra `images`.

Importing this package imports nothing; `andon.images.opencv` says why that matters.
"""
