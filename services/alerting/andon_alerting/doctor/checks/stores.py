"""The stores of bundles, large frames and evidence."""

from collections.abc import Iterator

from andon_alerting.doctor.facts.world import Store, Stores
from andon_alerting.doctor.finding import Check, Finding, Judged, bad, judged, names, several, warn

GIB = 1024**3
LOW, VERY_LOW = 0.10, 0.05
FEW_BYTES = GIB
READ_MOSTLY = "bundles"
"""Most services only read it: only whoever makes bundles must be able to write there."""


def readable(facts: Stores) -> Judged:
    """Whether each can be listed."""
    good = names(f"{each.name} {each.url}" for each in facts.stores)
    return judged(f"{good}", (_unreadable(each) for each in facts.stores if each.unreadable))


def _unreadable(store: Store) -> Finding:
    do = f"export {store.variable}=URL   # a folder, or s3://bucket/path: that needs its driver (pip install s3fs)"
    return bad(f"the store of {store.name} cannot be read: {store.unreadable}", store.url, do)


def writable(facts: Stores) -> Judged:
    """Whether a small object can be written, read back and removed."""
    tried = [each for each in facts.stores if each.unwritable is not None]
    if not tried:
        return Judged("not tried: no folder is there, or --no-probe", off=True)
    return judged(f"{names(each.name for each in tried)}: an object was written, read and removed", _unwritable(facts))


def _unwritable(facts: Stores) -> Iterator[Finding]:
    for each in facts.stores:
        if each.unwritable and not each.unreadable:
            report = warn if each.name == READ_MOSTLY else bad
            who = " (fine where no bundles are made)" if each.name == READ_MOSTLY else ""
            do = f"give whoever runs Andon the right to write there; a folder: ls -ld {each.url}; id"
            yield report(f"the store of {each.name} cannot be written{who}: {each.unwritable}", each.url, do)


def room(facts: Stores) -> Judged:
    """Whether there is room, in bytes and in files, where the store is a folder of this machine."""
    folders = [each for each in facts.stores if each.room]
    if not folders:
        return Judged("no store is a folder of this machine", off=True)
    good = names(f"{each.name} {each.room[0] / GIB:.0f} GiB" for each in folders if each.room)
    return judged(f"free: {good}", _room(folders))


def _room(folders: list[Store]) -> Iterator[Finding]:
    for each in folders:
        free, size = each.room or (0, 0)
        if free < LOW * size or free < FEW_BYTES:
            report = bad if free < VERY_LOW * size or free < FEW_BYTES else warn
            what = f"{free / GIB:.1f} GiB free of {size / GIB:.0f} GiB for {each.name}"
            yield report(
                what, each.url, f"df -h {each.url}; du -xh --max-depth 1 {each.url} | sort -h   # then {_less(each)}"
            )
        free, size = each.inodes or (1, 1)
        if size and free < VERY_LOW * size:
            what = f"{several(free, 'free inode')} of {size}: no more files for {each.name}, whatever room is left"
            yield bad(what, each.url, f"df -i {each.url}   # then {_less(each)}")


def _less(store: Store) -> str:
    ways = {
        "bundles": "andon bundles gc",
        "evidence": "lower ANDON_EVIDENCE__MAX_BYTES or ANDON_EVIDENCE__MAX_AGE_DAYS",
    }
    return ways.get(store.name, "remove frames that are older than Kafka's retention")


def made(facts: Stores) -> Judged:
    """Whether folders are there. That of bundles must be; the first frame or incident makes the others."""
    missing = [each for each in facts.stores if each.missing]
    later = names(each.name for each in missing if each.name != READ_MOSTLY)
    what = "there is no such folder of bundles: is this the right machine, and folder?"
    found = [warn(what, each.url, f"mkdir -p {each.url}") for each in missing if each.name == READ_MOSTLY]
    return judged(f"not there yet, the first write makes it: {later}" if later else "every folder is there", found)


CHECKS = (
    Check("stores.there", "Is there each store's folder?", Stores, made),
    Check("stores.readable", "Can each store be read?", Stores, readable),
    Check(
        "stores.writable",
        "Can an object be written there, read and removed (--no-probe leaves it out)?",
        Stores,
        writable,
    ),
    Check("stores.room", "Is there room, in bytes and in inodes, where a store is a folder?", Stores, room),
)
