#!/usr/bin/env python3
"""The split hash of Sluice (murmur3-32-v1) in Python, standard library only.

    python3 hash_recipe.py                     checks every published vector, prints PASS or FAIL for each
    python3 hash_recipe.py SALT ID [PERCENT]   the bucket of one user, and whether a split of PERCENT takes this user in

Read it as the recipe for any other language: docs/guide/hash.md says the same in words.
"""

import decimal
import sys

MASK = 0xFFFFFFFF  # all arithmetic is on 32-bit unsigned integers


def rotate_left(x: int, bits: int) -> int:
    return (x << bits | x >> (32 - bits)) & MASK


def mix(k: int) -> int:
    return rotate_left(k * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK


def murmur3_x86_32(data: bytes) -> int:
    """MurmurHash3, the x86 32-bit variant, seed 0."""
    h = 0  # the seed
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        h ^= mix(int.from_bytes(data[at : at + 4], "little"))
        h = (rotate_left(h, 13) * 5 + 0xE6546B64) & MASK
    if len(data) > whole:  # one to three bytes are left: the same mix, without the step that follows a whole block
        h ^= mix(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & MASK
    return h ^ h >> 16


def bucket_of(salt: bytes, identity: bytes) -> int:
    """0 to 9999. The product needs 46 bits: use 64-bit integers where a language has fixed ones."""
    return murmur3_x86_32(salt + b":" + identity) * 10_000 >> 32


def is_in_split(bucket: int, basis_points: int) -> bool:
    """Strictly below: a split of 0 % takes nobody, one of 100 % (10,000 basis points) takes everybody."""
    return bucket < basis_points


# salt, identity, murmur3 of "salt:identity", bucket
VECTORS = [
    (b"shop-2026", b"user-1", 3760960458, 8756),
    (b"shop-2026", b"user-2", 586260107, 1364),
    (b"shop-2026", b"42", 4243265309, 9879),
    (b"shop", b"192.0.2.7", 1669131230, 3886),
    (b"shop", b"2001:db8::1", 3887788936, 9051),
    (b"shop", b"\xff\x00", 2990218742, 6962),  # octets, not text: nothing is decoded
]


def check_vectors() -> int:
    failed = 0
    for salt, identity, want_hash, want_bucket in VECTORS:
        hash_value = murmur3_x86_32(salt + b":" + identity)
        bucket = bucket_of(salt, identity)
        is_good = (hash_value, bucket) == (want_hash, want_bucket)
        failed += not is_good
        name = ascii(salt + b":" + identity)[2:-1]
        wanted = "" if is_good else f"   expected {want_hash} -> {want_bucket}"
        print(f"{'PASS' if is_good else 'FAIL'}  {name:22}  {hash_value:>10} -> {bucket:>4}{wanted}")
    return 1 if failed else 0


def main(arguments: list) -> int:
    if not arguments:
        return check_vectors()
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    # The command line's bytes as they are, also when they are no text in this locale.
    salt, identity = (argument.encode("utf-8", "surrogateescape") for argument in arguments[:2])
    bucket = bucket_of(salt, identity)
    print(f"bucket {bucket}")
    if len(arguments) == 3:
        percent = decimal.Decimal(arguments[2].removesuffix("%"))
        print("candidate" if is_in_split(bucket, int(percent * 100)) else "live")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
