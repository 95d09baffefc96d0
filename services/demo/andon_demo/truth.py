"""What is known of a streamed frame before it is judged: the folder it came from says good or which defect."""

from pathlib import PurePosixPath

GOOD = "good"


def is_defective(subject: str | None) -> bool | None:
    """Whether the part is defective: the folder of 'test/good/001.png', 'good/12', 'scratch/3'. None: not known."""
    kind = PurePosixPath(subject).parent.name if subject else ""
    return kind != GOOD if kind else None
