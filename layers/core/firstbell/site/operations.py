"""How a site is run: its shared directory, its web servers, their ways in and out, and what is backed up."""

from dataclasses import dataclass
from posixpath import normpath
from typing import Annotated

from firstbell.site.checks import Help, Matching, Strict, Within


@dataclass(frozen=True)
class Moodledata(Strict):
    """The shared directory that every web server must have mounted."""

    path: Annotated[str, Matching(r"/[A-Za-z0-9._/-]{1,200}", "an absolute path"), Help("Where it is mounted.")] = (
        "/var/moodledata"
    )
    fstype: Annotated[
        str, Matching(r"[a-z0-9.]{0,20}", "a type such as nfs4"), Help("File system type it must have; empty: any.")
    ] = "nfs4"
    source: Annotated[
        str,
        Matching(r"[A-Za-z0-9._:/\[\]@-]{0,200}", "an export such as 10.0.1.20:/export"),
        Help("Export it must come from; empty: any."),
    ] = ""
    sentinel: Annotated[bool, Help("The export's root holds `.firstbell-site` with this site's name.")] = True
    server: Annotated[
        str,
        Matching(r"(i-[0-9a-f]{8,17})?", "an id such as i-0123456789abcdef0"),
        Help("EC2 instance that is the NFS server, whose status checks are then believed; empty: none."),
    ] = ""
    file_system: Annotated[
        str,
        Matching(r"(fs-[0-9a-f]{8,40})?", "an id such as fs-0123456789abcdef0"),
        Help("EFS file system that it lies on, whose state is then believed; empty: none."),
    ] = ""

    def __post_init__(self) -> None:
        if normpath(self.path).strip("/") == "":
            raise ValueError("the shared directory is mounted below /, such as at /var/moodledata, and not there")


MOST_WARM = 20  # pages in a probe's parameters
WARM = ("/login/index.php", "/")
PAGE = r"/[A-Za-z0-9._~/?&=%+-]{0,200}"


@dataclass(frozen=True)
class Web(Strict):
    """The web server of each instance, as the probe asks it on the instance itself; without a host it is not asked."""

    host: Annotated[
        str,
        Matching(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)?", "a host name such as moodle.example.edu"),
        Help("Host name in Moodle's wwwroot; empty: the web server is not asked."),
    ] = ""
    port: Annotated[int, Within(1, 65535), Help("Port of the web server on the instance, without TLS.")] = 80
    check: Annotated[str, Matching(PAGE, "a path such as /login/index.php"), Help("Cheap page that PHP answers.")] = (
        "/login/index.php"
    )
    warm: Annotated[
        tuple[Annotated[str, Matching(PAGE, "a path such as /course/view.php?id=2")], ...],
        Help("Pages asked for, with their styles and scripts, before an instance serves."),
    ] = WARM
    warm_ms: Annotated[int, Within(50, 60_000), Help("An instance is warm when every page takes less.")] = 1000
    warm_seconds: Annotated[int, Within(0, 120), Help("How long warming may take; 0: no warming.")] = 45
    cron: Annotated[
        str,
        Matching(r"([A-Za-z0-9:_.@-]{1,100}\.timer)?", "a systemd timer such as moodle-cron.timer"),
        Help("Timer that starts Moodle's cron, stopped on a leaving instance; empty: none."),
    ] = ""

    def __post_init__(self) -> None:
        if len(self.warm) > MOST_WARM:
            raise ValueError(f"{len(self.warm)} pages to warm are more than the probe asks for, {MOST_WARM}")
        if not self.host and self.warm not in ((), WARM):
            raise ValueError("'warm' needs 'host': without it the web server is not asked, and nothing is warmed")
        if self.port == 443:
            raise ValueError("the web server is asked without TLS, which port 443 refuses: give one with plain HTTP")


@dataclass(frozen=True)
class Admission(Strict):
    """How long a launched instance may take, and how long a leaving one may drain."""

    deadline: Annotated[int, Within(120, 7200), Help("Seconds until an unproven instance is given up.")] = 900
    drain: Annotated[int, Within(0, 7200), Help("Seconds for which a leaving instance may go on serving.")] = 300
    exam_drain: Annotated[int, Within(0, 7200), Help("The same while an exam is on.")] = 900


@dataclass(frozen=True)
class Backup(Strict):
    """What the nightly run copies."""

    database: Annotated[
        str,
        Matching(r"[A-Za-z0-9-]{0,63}", "the identifier of an RDS instance"),
        Help("RDS instance to snapshot; empty: none."),
    ] = ""
