"""What was seen of each directory before it was listed: a cache, without which everything is listed."""

from __future__ import annotations

import json
import os
import sys
from array import array
from collections.abc import Collection
from typing import NamedTuple

from firstbell.backup.engine.local import replace

DIRECTORIES = 65_536
SAME_TICK = 2 * 10**9  # ns: what changed so shortly before it was looked at may change again in the same tick
FULL_EVERY = 30  # runs
_VERSION = 1
_HEAD_MOST = 4096
_NAME = "directories"


class State(NamedTuple):
    """Times (ns) of the 65,536 directories, numbered by their four digits; 0 for one to be listed again.

    `changed` are mtimes, `touched` ctimes: a copy that is told to keep times sets the one, and nobody the other.
    """

    store: str
    identity: str
    set_key: str
    runs: int  # since everything was listed
    changed: array[int]
    touched: array[int]


def nothing(store: str, identity: str) -> State:
    """The state of who has seen nothing."""
    zeros = array("q", bytes(8 * DIRECTORIES))
    return State(store, identity, "", 0, zeros, zeros[:])


def settled(time: int, moment: int) -> bool:
    """Whether a directory with this time, looked at after `moment`, is sure to have another after its next change.

    Both in ns of the file server.
    """
    return time < moment - SAME_TICK


def load(directory: str, store: str, identity: str, set_keys: Collection[str]) -> State | None:
    """The state that was saved for this store and source; None when there is none that holds.

    It holds while the set after which it was saved is among those in the store: later sets know no less.
    """
    try:
        with open(os.path.join(directory, _NAME), "rb") as file:
            head = json.loads(file.readline(_HEAD_MOST))
            body = file.read(16 * DIRECTORIES + 1)
        found = State(head["store"], head["identity"], head["set"], int(head["runs"]), array("q"), array("q"))
        version, order = head["version"], head["order"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    fits = version == _VERSION and order == sys.byteorder and len(body) == 16 * DIRECTORIES
    if not fits or (found.store, found.identity) != (store, identity):
        return None
    if found.set_key not in set_keys:
        return None
    found.changed.frombytes(body[: 8 * DIRECTORIES])
    found.touched.frombytes(body[8 * DIRECTORIES :])
    return found


def save(directory: str, state: State) -> None:
    """Save the state, at once or not at all."""
    head = {
        "version": _VERSION,
        "order": sys.byteorder,
        "store": state.store,
        "identity": state.identity,
        "set": state.set_key,
        "runs": state.runs,
    }
    raw = json.dumps(head).encode() + b"\n" + state.changed.tobytes() + state.touched.tobytes()
    replace(os.path.join(directory, _NAME), raw)
