"""How much a stranger's image may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Bounds on one encoded image: `max_bytes` as it arrives, `max_pixels` (width x height) once decoded.

    16-bit pixels are double the memory and more than double the work, so 16-bit colour may have a quarter of
    `max_pixels` and 16-bit grey three quarters; six planes count as two colour images. While it is decoded an image
    takes twice its own memory (OpenCV copies it once): at the default the dearest takes 0.8 s and 280 MB. A line of
    small cameras should set less.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_pixels: int = 25_000_000

    def most_pixels(self, channels: int, bit_depth: int) -> int:
        """The pixels an image of this kind may have."""
        return self.max_pixels * 3 // max(3, channels * (bit_depth // 8) ** 2)
