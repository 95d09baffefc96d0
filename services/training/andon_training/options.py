"""The words an operator may choose among, apart from the code that acts on them, so that `--help` stays quick."""

from enum import StrEnum


class Pixels(StrEnum):
    """The values a backbone wants its pixels in."""

    UNIT = "unit"  # R, G, B in 0..1
    SYMMETRIC = "symmetric"  # R, G, B in -1..1: MobileNet, Inception
    IMAGENET = "imagenet"  # R, G, B less ImageNet's mean, over its spread: torchvision, timm
    CAFFE = "caffe"  # B, G, R in 0..255 less ImageNet's mean: older models


class Lighting(StrEnum):
    """What is done about brightness and contrast before anything is learned."""

    AS_IS = "as-is"
    LEVELLED = "levelled"  # every frame brought to the same mean and spread, then cut to 0..255


class Method(StrEnum):
    """How what is good is remembered."""

    GAUSSIAN = "gaussian-per-position"
    BANK = "memory-bank"
