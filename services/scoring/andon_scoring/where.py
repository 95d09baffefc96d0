"""Where on the part: `andon.where`, which `andon explain` uses as well."""

from andon.where import MAX_HEAT_MAP, MAX_REGIONS, heat_map_png, regions

__all__ = ["MAX_HEAT_MAP", "MAX_REGIONS", "heat_map_png", "regions"]
