"""Which partition a station's records are in: the one that its key hashes to.

Source of the hash: Austin Appleby's MurmurHash2, as Kafka's Java clients take it (`Utils.murmur2`, seed 0x9747b28c,
sign bit cleared), which is the partitioner Andon's own producers name.
"""

SEED, MIX, SHIFT, WORD = 0x9747B28C, 0x5BD1E995, 24, 0xFFFFFFFF


def key_partition(key: bytes, partitions: int) -> int:
    """The partition, of so many, that Kafka's default partitioner gives `key`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """MurmurHash2 of `data`, 32 bits, unsigned."""
    whole = len(data) // 4 * 4
    value = SEED ^ len(data)
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * MIX & WORD
        word = (word ^ word >> SHIFT) * MIX & WORD
        value = (value * MIX & WORD) ^ word
    if rest := data[whole:]:
        value = (value ^ int.from_bytes(rest, "little")) * MIX & WORD
    value = (value ^ value >> 13) * MIX & WORD
    return value ^ value >> 15
