"""Reads what became of the commands that were sent to instances: of probes, and of looks at what leaves."""

from collections.abc import Collection, Iterable
from functools import partial

from firstbell.aws import commands
from firstbell.instances.keeping import Records
from firstbell.instances.records import CLAIMED, Record, learn


def with_results(found: Iterable[Record], records: Records, asked: Collection[str] | None = None) -> list[Record]:
    """The records after what became of their commands; those that another look is at right now are left to it.

    AWS is asked about the commands in `asked` only, if that is given; the others are not looked at.
    """
    found = list(found)
    running = {r.command for r in found} - {"", CLAIMED}
    results = answers(running if asked is None else running & set(asked), records)
    left = running - results.keys()
    learnt = [r for r in found if r.command in left]
    for record in (r for r in found if r.command not in left):
        result = results.get(record.command, {}).get(record.instance)
        new = learn(record, result.status if result else "", result.output if result else "", records.now)
        if records.save(new):
            learnt.append(new)
    return learnt


def answers(running: Collection[str], records: Records) -> dict[str, dict[str, commands.Invocation]]:
    """What became of each of these commands, by instance; nothing yet of one that AWS cannot be asked about."""
    return {c: records.asked(partial(commands.invocations, c), {}) for c in sorted(running)}
