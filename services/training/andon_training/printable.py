"""Names of files, as far as a terminal or a page may have them."""


def printable(name: str) -> str:
    """`name` with a replacement character for whatever a terminal or a page had better not get."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
