"""Reviewed frames: listed, and exported as data sets that other tools read; the pages use `exported` and `zipped`."""

from andon_console.reviewed.export import FORMATS, Format, exported
from andon_console.reviewed.files import File
from andon_console.reviewed.options import Options, Outlines, Wanted
from andon_console.reviewed.zipping import zipped

__all__ = ["FORMATS", "File", "Format", "Options", "Outlines", "Wanted", "exported", "zipped"]
