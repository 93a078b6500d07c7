"""Keys and what each may do: admin implies write, write implies read.

Only digests are kept and compared, so that neither a time nor a dump of the memory tells a key.
"""

import hashlib
import hmac

from pydantic import SecretStr

from spark_app.blocks import Serve, parts

NONE, READ, WRITE, ADMIN = range(4)
NAMES = ("nothing", "read", "write", "admin")
_SAFE = {"GET", "HEAD", "OPTIONS"}
# A POST to these asks, and changes nothing.
_ASKING = ("/recommendations", "/estimate", "/interests")


def needed(method: str, path: str) -> int:
    """The scope that a request takes; what nobody thought of takes the widest."""
    if method in _SAFE or (method == "POST" and any(_is_below(path, root) for root in _ASKING)):
        return READ
    if method == "POST" and _is_below(path, "/events"):
        return WRITE
    return ADMIN


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def given(serve: Serve) -> list[tuple[str, int]]:
    """Every key that is set, with its scope."""
    settings: tuple[tuple[SecretStr, int], ...] = (
        (serve.read_key, READ), (serve.write_key, WRITE), (serve.admin_key, ADMIN)
    )  # fmt: skip
    return [(key, scope) for keys, scope in settings for key in parts(keys.get_secret_value())]


class Keys:
    """The keys that open the API; without any, nobody is asked for one."""

    def __init__(self, serve: Serve) -> None:
        self._known = [(digest(key.encode()), scope) for key, scope in given(serve)]

    def __bool__(self) -> bool:
        return bool(self._known)

    def scope(self, shown: bytes) -> int:
        """What the key of this digest may do."""
        found = NONE
        for key, scope in self._known:
            # Each is compared, also after one that fits: how long it takes says nothing.
            found = max(found, scope * hmac.compare_digest(shown, key))
        return found


def digest(key: bytes) -> bytes:
    """What stands for a key once it has come in."""
    return hashlib.sha256(key).digest()
