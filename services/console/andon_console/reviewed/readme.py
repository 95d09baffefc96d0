"""README.txt: what lies in an export, in which layout, and who drew what."""

from collections import Counter
from dataclasses import dataclass, field

from andon_console.reviewed.files import File, text_file
from andon_console.reviewed.marks import By
from andon_console.reviewed.picture import Picture, Side

TOP = """Frames that people reviewed, exported by Andon.

Images are as the cameras sent them, byte for byte; metadata.csv says of each what people answered, when, what
inspection had said, and its sha256.
"""
NPY = """
{count} images are .npy arrays [height, width, planes] of uint8 or uint16: Andon reads them; most other tools do not.
"""


@dataclass
class Readme:
    """Grows as frames are exported. `layout` tells of the format."""

    layout: str
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, picture: Picture, by: By = By.NOBODY) -> None:
        """One more frame."""
        self.counts[picture.side] += 1
        self.counts["npy"] += picture.ending == "npy"
        if picture.side is Side.DEFECTIVE:
            self.counts[f"by {by}"] += 1

    def file(self) -> File:
        """Of all frames."""
        n = self.counts
        sums = (
            f"\n{n[Side.GOOD]} good frames, {n[Side.DEFECTIVE]} with a defect, {n[Side.UNKNOWN]} of which people are "
            f"unsure.\nOf the defects {n['by person']} are outlined by a person, {n['by model']} only by the model "
            f"(its regions: no ground truth, never judge a model by them),\n{n['by ']} by nobody.\n"
        )
        npy = NPY.format(count=n["npy"]) if n["npy"] else ""
        return text_file("README.txt", f"{TOP}{sums}{npy}\n{self.layout}")
