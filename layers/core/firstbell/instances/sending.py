"""Sends the mount probe to instances: each is claimed first, so that of two looks at once one sends it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from firstbell.aws import commands
from firstbell.instances.keeping import Records
from firstbell.site import Site

DELIVER_WITHIN = 60  # seconds: a command for an instance that is not reached ends then
SLOW_MS = 2000
PROBE_SECONDS = 20


def send_probes(site: Site, records: Records, document: str, instances: Sequence[str]) -> None:
    """Probe `instances`, fifty by one command. What fails for one does not stop the others and is raised at the end."""
    claimed: list[str] = []
    errors = _each(instances, lambda i: claimed.append(i) if records.claim(i) else None)
    for n in range(0, len(claimed), commands.PER_CALL):
        batch = claimed[n : n + commands.PER_CALL]
        try:
            command = commands.send(document, batch, probe_parameters(site), DELIVER_WITHIN)
        except Exception as error:  # noqa: BLE001 - raised at the end, or not that of the others
            errors += _each(batch, partial(_note, records, command="", why=f"not sent: {error}"))
            if not isinstance(error, commands.UnreachableError):
                errors.append(error)
            elif len(batch) > 1:  # for one instance that has just gone offline AWS refuses them all
                errors += _each(batch, lambda i: send_probes(site, records, document, [i]))
        else:
            errors += _each(batch, partial(_note, records, command=command))
    if errors:
        raise ExceptionGroup(f"{len(errors)} failures in sending probes", errors)


def _each(instances: Iterable[str], work: Callable[[str], object]) -> list[Exception]:
    errors = []
    for instance in instances:
        try:
            work(instance)
        except Exception as error:  # noqa: BLE001 - the caller raises what failed
            errors.append(error)
    return errors


def _note(records: Records, instance: str, command: str, why: str = "") -> None:
    records.change(instance, lambda r: replace(r, command=command, no_answer=why))


def probe_parameters(site: Site) -> dict[str, str]:
    """What the probe document is told: the mount as the site file wants it."""
    return {
        "path": site.moodledata.path,
        "fstype": site.moodledata.fstype,
        "source": site.moodledata.source,
        "site": site.name if site.moodledata.sentinel else "",
        "slowMs": str(SLOW_MS),
        "timeoutSeconds": str(PROBE_SECONDS),
    }
