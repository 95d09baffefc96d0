"""A bundle that carries what stations learned about themselves under another one: the same model, no learning."""

from collections.abc import Sequence
from datetime import datetime

from andon.bundle import Bundle, with_reference
from andon.errors import Mistake
from andon.records.baseline import Baseline


def frozen(bundle: Bundle, baselines: Sequence[Baseline], created_at: datetime | None = None) -> Bundle:
    """`bundle` with `baselines` in its drift reference: model, threshold and golden frames are the same bytes.

    Those of other stations and products that it carries already stay. Each names the bundle it was learned under.
    Raises Mistake when one was learned under another bundle, or the reference becomes larger than a bundle may hold.
    """
    for each in baselines:
        if each.bundle != bundle.digest:
            raise Mistake(
                f"{each.station}: its reference was learned under bundle {each.bundle[:12]}, not {bundle.digest[:12]}; "
                "another bundle looks at the picture and scores it otherwise"
            )
    reference, before = bundle.reference, bundle.manifest.provenance
    new = {(each.station, each.product): each for each in baselines}
    kept = [each for each in reference.baselines if (each.station, each.product) not in new]
    ordered = sorted((*kept, *new.values()), key=lambda each: each.key)
    return with_reference(
        bundle,
        reference.model_copy(update={"baselines": tuple(ordered)}),
        before.model_copy(update={"frozen_from": bundle.digest}),
        created_at,
    )
