"""One web server as a machine: what is wrong on it, and what the probe's script would say there.

The script itself is proven on real mounts; here it only has a stand-in that answers by the same contract.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from simulator.traffic import WebServer

Mount = Literal["fine", "gone", "stale", "slow"]
VERDICTS: Mapping[Mount, tuple[str, str, str]] = {
    "fine": ("healthy", "", "written, read back and removed"),
    "gone": ("not_mounted", "mount", "{path} is not a mount point"),
    "stale": ("stale_handle", "sentinel", "{path}: Stale file handle"),
    "slow": ("slow", "write", "3100 ms, and {slowMs} ms is the limit"),
}
HUNG = "hung", "write", "no answer within {timeoutSeconds}.0 s in step write"
LOOK, HANG, REMOUNT = 1.5, 22.0, 1.0  # seconds
WARMING = (6.0, 25.0)  # seconds until OPcache and caches are full: the first pages of a fresh Moodle take 1 to 4 s each
CODES = {"healthy": 0, "unknown": 2, None: 0}


@dataclass(slots=True, eq=False)
class Host:
    """A web server, its mount (`repairable`: mounting it anew helps), and since when a task of its cron runs."""

    server: WebServer
    mount: Mount = "fine"
    repairable: bool = False
    task_since: float | None = None

    @property
    def well(self) -> bool:
        """Nothing is wrong on this machine itself."""
        return self.mount == "fine" and self.server.answers

    def settle(self, storage_down: bool) -> None:
        """Let the web server find its files, or not."""
        self.server.mounted = not storage_down and self.mount in ("fine", "slow")


@dataclass(slots=True)
class Probe:
    """One run of the script on `host`; `wants` are the document's parameters, times in seconds."""

    host: Host
    wants: Mapping[str, str]
    storage_down: bool
    random: Random
    now: float
    seconds: float = LOOK

    def run(self) -> tuple[float, int, str]:
        """How long it takes, its exit code, and the line that it prints."""
        said = self._leaving() if self.wants.get("purpose") == "leaving" else self._look()
        return self.seconds, CODES.get(said["verdict"], 1), json.dumps(said)

    def _answer(self, verdict: str | None, step: str, detail: str) -> dict[str, Any]:
        mounted = verdict != "not_mounted"
        return {
            "probe": 1,
            "purpose": self.wants.get("purpose", "patrolling"),
            "verdict": verdict,
            "step": step or None,
            "detail": detail.format_map(self._texts()),
            "ms": {"mount": 1.0, "write": 9.0},
            "fstype": "nfs4" if mounted else None,
            "source": self.wants.get("source") or None if mounted else None,
            "options": None,
            "path": self.wants.get("path", "?"),
            "host": self.host.server.name,
            "repairs": [],
            "warnings": [],
            "web": None,
            "warm": None,
            "tail": "",
        }

    def _texts(self) -> dict[str, str]:
        return {"path": "?", "slowMs": "2000", "timeoutSeconds": "20"} | dict(self.wants)

    def _look(self) -> dict[str, Any]:
        if self.storage_down:
            self.seconds = HANG
            return self._answer(*HUNG) | {"tail": "nfs: server not responding, still trying"}
        repairs = self._repair()
        answer = self._answer(*VERDICTS[self.host.mount]) | {"repairs": repairs}
        if answer["verdict"] != "healthy":
            return answer | {"tail": "Cloud-init finished; mount.nfs4: access denied by server"}
        return answer | self._ask_the_web_server()

    def _repair(self) -> list[dict[str, Any]]:
        host, repairs = self.host, []
        for _ in range(int(self.wants.get("repair") or 0)):
            if host.mount not in ("gone", "stale"):
                break
            self.seconds += REMOUNT
            did, was = ("umount -l, mount" if host.mount == "stale" else "mount"), VERDICTS[host.mount][0]
            said = "" if host.repairable else "mount.nfs4: access denied by server"
            repairs.append({"was": was, "did": did, "ok": host.repairable, "ms": REMOUNT * 1000, "said": said})
            if host.repairable:
                host.mount = "fine"
                host.settle(storage_down=False)
        return repairs

    def _ask_the_web_server(self) -> dict[str, Any]:
        if not self.wants.get("webHost"):
            return {}
        page, ms = self.wants.get("page", "/login/index.php"), round(self.random.uniform(40, 400), 1)
        if not self.host.server.answers:
            web = {"page": page, "status": 502, "ms": ms}
            return {"verdict": "unknown", "step": "web", "detail": f"{page} answers 502", "web": web}
        found: dict[str, Any] = {"web": {"page": page, "status": 200, "ms": ms}}
        limit, pages = float(self.wants.get("warmSeconds") or 0), self.wants.get("warm", "").split()
        if self.wants.get("purpose") == "admitting" and limit and pages:
            took = self.random.uniform(*WARMING)
            self.seconds += min(took, limit)
            slowest = f"{pages[0]} took {self.random.uniform(100, 900):.0f} ms"
            warm = {"done": took <= limit, "rounds": 1 + int(took / 4), "pages": len(pages), "slowest": slowest}
            found["warm"] = warm | {"ms": round(min(took, limit) * 1000.0, 1)}
        return found

    def _leaving(self) -> dict[str, Any]:
        """It looks into /proc only, never at the mount, so a dead file server does not hang it."""
        self.seconds = 0.4
        since = self.host.task_since
        tasks = [] if since is None else [f"admin/cli/cron.php, {self.now - since:.0f} s"]
        timer = "stopped" if self.wants.get("cron") else "none"
        return self._answer(None, "", "") | {
            "leaving": {"requests": self.host.server.active, "tasks": tasks, "timer": timer}
        }


def stand_in(
    hosts: Mapping[str, Host],
    storage_down: Callable[[], bool],
    random: Random,
    now: Callable[[], float],
    repaired: Callable[[str], object],
) -> Callable[[str, str, dict[str, list[str]]], tuple[float, int, str] | None]:
    """What Run Command runs on an instance; one that is gone never answers. `repaired(instance)`: it helped itself."""

    def run(instance: str, document: str, parameters: dict[str, list[str]]) -> tuple[float, int, str] | None:  # noqa: ARG001
        host = hosts.get(instance)
        if host is None:
            return None
        wants = {name: values[0] for name, values in parameters.items() if values}
        before = host.mount
        answer = Probe(host, wants, storage_down(), random, now()).run()
        if host.mount != before:
            repaired(instance)
        return answer

    return run
