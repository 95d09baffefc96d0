"""What is remembered of each product made at a station, and what changed there last. Pure.

A changeover is not a defect: each product has a window of verdicts of its own, and after a changeover `settle` frames
open nothing. Products that alternate are no changeovers: only one made in batches longer than it takes to settle and to
fill a window settles again, so that whatever is made in what order, its frames count.
"""

from dataclasses import dataclass, replace

from andon.line import Policy
from andon.records import Change, ChangeKind, Evidence, Score, Verdict

MOST_PRODUCTS = 8
LETTER = {Verdict.ANOMALOUS: "a", Verdict.OK: "o", Verdict.UNSCORABLE: "u"}


@dataclass(frozen=True, slots=True)
class Made:
    """One product at a station.

    `window` holds its last verdicts, oldest first: a(nomalous), o(k), u(nscorable). `batch` counts the frames of its
    present or last batch, `since_swap` those since another bundle took over (0: long ago); both stop where they are
    long enough. `settling`, above 0, says that its last frame opened nothing, and how many do. `bad` and `unscored` are
    the frames behind the window's letters, while no incident is open that has them as its evidence.
    """

    product: str | None = None
    window: str = ""
    batch: int = 0
    settling: int = 0
    bundle: str | None = None
    runtime: str | None = None
    since_swap: int = 0
    bad: tuple[Evidence, ...] = ()
    unscored: tuple[Evidence, ...] = ()

    @property
    def forgiven(self) -> "Made":
        """Without its anomalous verdicts."""
        return replace(self, window=self.window.replace("a", "o"), bad=())

    @property
    def readmitted(self) -> "Made":
        """Without its unscorable verdicts."""
        return replace(self, window=self.window.replace("u", "o"), unscored=())


Products = tuple[Made, ...]
"""Those made at a station, the one being made now first."""


def count(
    products: Products, score: Score, evidence: Evidence, policy: Policy, *, surge: bool, blind: bool
) -> tuple[Products, Change | None]:
    """The products after `score`, and what changed with it. `surge` and `blind` say whether an incident of anomalous,
    or of unscorable, frames is open: its frames are then not kept here."""
    made, others, changeover = _turned_to(products, score.product, policy)
    change = _new_bundle(made, score)
    if change is None and changeover:
        change = _changeover(products[0].product, score)
    made = _judged(made, score, policy)
    if made.settling == 0:
        made = _seen(made, score, evidence, policy, surge=surge, blind=blind)
    return (made, *others), change


def long_enough(policy: Policy) -> int:
    """How long a batch must be so that it may be called one."""
    return policy.settle + policy.n


def _turned_to(products: Products, product: str | None, policy: Policy) -> tuple[Made, Products, bool]:
    """The product now made, one frame on; the others; and whether this is a changeover.

    Beyond the most that are remembered, a product takes the place of the one not made for longest, and unless it is
    made in batches its window too: so where every frame names another product, k of n are still found.
    """
    if products and products[0].product == product:
        made = products[0]
        batch, settling = min(made.batch + 1, long_enough(policy)), max(0, made.settling - 1)
        return replace(made, batch=batch, settling=settling), products[1:], False
    known = next((each for each in products if each.product == product), None)
    if known is None and len(products) < MOST_PRODUCTS:
        fresh = Made(product, batch=1, settling=policy.settle if products else 0)
        return fresh, products, bool(products)
    held = known or products[-1]
    others = tuple(each for each in products if each is not held)
    in_batches = all(each.batch >= long_enough(policy) for each in (held, products[0]))
    settling = policy.settle if in_batches else max(0, held.settling - 1)
    if known is None:
        held = Made(product) if in_batches else replace(held, product=product, bundle=None, runtime=None, since_swap=0)
    return replace(held, batch=1, settling=settling), others, in_batches


def _new_bundle(made: Made, score: Score) -> Change | None:
    """Another bundle judges the product, or the same one somewhere else."""
    if score.bundle is None or made.bundle is None:
        return None
    if score.bundle != made.bundle:
        return Change(kind=ChangeKind.SWAP, at=score.captured_at, before=made.bundle, after=score.bundle)
    if made.runtime and score.runtime and score.runtime != made.runtime:
        return Change(kind=ChangeKind.DEPLOY, at=score.captured_at, before=made.runtime, after=score.runtime)
    return None


def _changeover(before: str | None, score: Score) -> Change:
    return Change(kind=ChangeKind.CHANGEOVER, at=score.captured_at, before=before, after=score.product)


def _judged(made: Made, score: Score, policy: Policy) -> Made:
    """By which bundle, and since when."""
    if score.bundle is None:
        return made
    since = made.since_swap and made.since_swap + 1
    if made.bundle not in (None, score.bundle):
        since = 1
    if since > policy.n:
        since = 0
    if (since, score.bundle, score.runtime) == (made.since_swap, made.bundle, made.runtime):
        return made
    return replace(made, bundle=score.bundle, runtime=score.runtime or made.runtime, since_swap=since)


def _seen(made: Made, score: Score, evidence: Evidence, policy: Policy, *, surge: bool, blind: bool) -> Made:
    letter = LETTER[score.verdict]
    window = (made.window + letter)[-policy.longest :]
    bad, unscored = made.bad, made.unscored
    if bad or letter == "a":
        bad = () if surge else _last((*bad, evidence) if letter == "a" else bad, window.count("a"))
    if unscored or letter == "u":
        unscored = () if blind else _last((*unscored, evidence) if letter == "u" else unscored, window.count("u"))
    return replace(made, window=window, bad=bad, unscored=unscored)


def _last(frames: tuple[Evidence, ...], number: int) -> tuple[Evidence, ...]:
    return frames[-number:] if number else ()
