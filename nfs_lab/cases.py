"""The cases, a row each: how the world is prepared, and what the probe must answer within how many seconds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from nfs_lab.rooms import SERVER
from nfs_lab.world import DIRECTORY, SOFT, USUAL, WEB_PORT, World

QUICK = 8.0  # seconds; 0.3 on an idle machine, most of it the start of an interpreter
ANY_SOURCE = {"source": ""}
ANYTHING = {**ANY_SOURCE, "fstype": ""}
INNER = {"source": f"{SERVER}:{DIRECTORY}"}
SHORT = {"timeoutSeconds": "2"}  # for what hangs: half of it may go into one step
SHORTER = {"timeoutSeconds": "1"}
PATIENT = {"timeoutSeconds": "20", "slowMs": "15000"}  # for what takes its time and then works
LEAVING = {"purpose": "leaving"}
REPAIR = {"repair": "2"}
WEB = {"webHost": "moodle.example.edu", "webPort": str(WEB_PORT)}
WARM = {**WEB, "purpose": "admitting", "warm": "/login/index.php /", "warmMs": "5000", "warmSeconds": "15"}


@dataclass(frozen=True, slots=True)
class Case:
    """One row; `seconds` bounds every single run of the script, its interpreter's start included."""

    name: str
    prepare: tuple[Callable[[World], object], ...]  # one after the other, on a bare mount point of root's
    verdict: str | None
    step: str | None = None  # the one that failed, where it matters
    says: str = ""  # a regular expression that the answer matches
    given: Mapping[str, str] = field(default_factory=dict)  # parameters besides or instead of the usual ones
    seconds: float = QUICK
    user: str = "root"
    times: int = 1

    @property
    def parameters(self) -> dict[str, str]:
        """What the document is given."""
        return {**USUAL, **self.given}


mount, fstab, disk, bare = World.mount, World.line_in_fstab, World.mount_disk, World.open_bare_directory
mount_soft = partial(World.mount, options=SOFT)
other, empty = partial(mount, export="/other"), partial(mount, export="/empty")
read_only, squashed = partial(mount, export="/readonly"), partial(mount, export="/squashed")
inner = (World.make_directory, partial(mount, export=DIRECTORY))
inner_unnamed = (partial(World.make_directory, site=""), inner[1])
filled = (partial(World.fill, export="/small"), partial(mount, export="/small"))
no_inodes = (partial(World.fill, export="/few", files=True), partial(mount, export="/few"))
frozen, killed, cut = (mount, World.freeze_server), (mount, World.kill_server), (mount, World.cut)
thawed = (*frozen, World.notice, World.thaw_server)
restarted = (*killed, World.notice, World.restart_server)
reconnected = (*cut, World.notice, World.reconnect)
remade = (partial(fstab, export=DIRECTORY), *inner, World.make_directory)  # the client's handle is void then
withdrawn = (fstab, mount, partial(World.restart_server, without="/moodledata"))
slow = (mount, partial(World.delay, milliseconds=150))
web = (mount, World.serve_web)

CASES = (
    Case("mounted hard", (mount,), "healthy"),
    Case("mounted soft", (mount_soft,), "healthy"),
    Case("not mounted", (), "not_mounted", "mountinfo", "not writable for www-data"),
    Case("not mounted, anybody may write there", (bare,), "not_mounted", "mountinfo", "uploads would be lost"),
    Case("mounted, anybody may write under it", (bare, mount), "healthy", None, r'"warnings": \[".*writable'),
    Case("another export", (other,), "wrong_source", "mountinfo"),
    Case("another export, any source will do", (other,), "wrong_export", "sentinel", "hill-top", ANY_SOURCE),
    Case("inside the export", inner, "wrong_source", "mountinfo"),
    Case("inside the export, any source will do", inner_unnamed, "wrong_export", "sentinel", "", ANY_SOURCE),
    Case("an empty export, any source will do", (empty,), "wrong_export", "sentinel", "is empty", ANY_SOURCE),
    Case("a local disk", (disk,), "wrong_source", "mountinfo", "tmpfs"),
    Case("a local disk, anything will do", (disk,), "wrong_export", "sentinel", "is empty", ANYTHING),
    Case("exported read-only", (read_only,), "read_only", "create", "EROFS", ANY_SOURCE),
    Case("its disk is full", filled, "full", "fsync", "ENOSPC.* 0 MB", ANY_SOURCE),
    Case("out of inodes", no_inodes, "full", "create", "ENOSPC.* 0 inodes", ANY_SOURCE),
    Case("root is squashed", (squashed,), "permission", "create", "EACCES", ANY_SOURCE),
    Case("a user who may not write", (mount,), "permission", "create", "EACCES", user="www-data"),
    Case("server frozen", frozen, "hung", None, "no answer for", SHORT),
    Case("server frozen, mounted soft", (mount_soft, World.freeze_server), "hung", None, "", SHORT),
    Case("server frozen, asked twenty times", frozen, "hung", None, "", SHORTER, times=20),
    Case("server frozen, the instance is leaving", frozen, None, None, '"leaving": {', LEAVING),
    Case("server goes on", thawed, "healthy", None, "", PATIENT, 20),
    Case("server killed", killed, "hung", None, "no answer for", SHORT),
    Case("server killed, mounted soft", (mount_soft, World.kill_server), "hung", None, "EIO", PATIENT, 20),
    Case("server restarted", restarted, "healthy", None, "", PATIENT, 20),
    Case("server's address gone", cut, "hung", None, "no answer for", SHORT),
    Case("server's address back", reconnected, "healthy", None, "", PATIENT, 20),
    Case("directory made anew", remade, "stale_handle", None, "ESTALE", INNER),
    Case("directory made anew, repaired", remade, "healthy", None, '"umount -l.*mount.*"ok": true', INNER | REPAIR),
    Case("export withdrawn", withdrawn, "stale_handle", None, "ESTALE"),
    Case("export withdrawn, beyond repair", withdrawn, "not_mounted", None, '"ok": false', REPAIR, 15),
    Case("not mounted, repaired by fstab", (fstab,), "healthy", None, '"ok": true', REPAIR),
    Case("not mounted, not in fstab", (), "not_mounted", None, '"ok": false', REPAIR),
    Case("not mounted, server killed", (fstab, World.kill_server), "not_mounted", None, '"ok": false', REPAIR, 25),
    Case("not mounted, server frozen", (fstab, World.freeze_server), "not_mounted", None, '"ok": false', REPAIR, 25),
    Case("150 ms away, below the limit", slow, "healthy", None, "", PATIENT, 10),
    Case("150 ms away, above the limit", slow, "slow", None, "more than 200", {"slowMs": "200"}, 10),
    Case("web server answers", web, "healthy", None, '"status": 200', WEB),
    Case("web server is not there", (mount,), "unknown", "web", "", WEB),
    Case("web server warmed", web, "healthy", None, '"done": true', WARM, 10),
)
