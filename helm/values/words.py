"""What every model of the chart's values is: words in camelCase, none but those that there are."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Words = dict[str, str]
Kubernetes = dict[str, Any]
"""What goes to Kubernetes as it stands, in its own words."""
Size = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$")]


class Part(BaseModel):
    """Values that belong together. They have no defaults: those stand in values.yaml, once."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)
