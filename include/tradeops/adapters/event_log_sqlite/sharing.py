"""How the members of a group share partitions: all of them compute the same."""

from collections.abc import Collection, Mapping


def share_partitions(readers: Mapping[int, Collection[int]]) -> dict[int, int]:
    """Give each partition to one of the members that read it, as evenly as their topics allow.

    Partitions are taken in order, each goes to the member that has the fewest so far; of equals, to the
    one that joined first.

    Args:
        readers: By member, the partitions of its topics.

    Returns:
        The member of each partition.
    """
    counts = dict.fromkeys(sorted(readers), 0)
    shares: dict[int, int] = {}
    for partition in sorted({partition for topics in readers.values() for partition in topics}):
        able = [member for member in counts if partition in readers[member]]
        chosen = min(able, key=lambda member: counts[member])
        counts[chosen] += 1
        shares[partition] = chosen
    return shares
