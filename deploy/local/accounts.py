"""Which operating-system account PostgreSQL runs under, and where that account can reach files.

PostgreSQL refuses to run as root, so root's stack runs it under an existing unprivileged account. A checkout below a
private folder (such as root's home) cannot be entered by that account; then data and programs go to another folder.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path

from deploy.local.errors import StartFailed
from deploy.local.processes import Account

CANDIDATES = ("postgres", "nobody")


def server_account(data: Path) -> Account | None:
    """Return the account for a server on that data folder; None = the current one, which is not root.

    Raises:
        StartFailed: we are root and no unprivileged account exists.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        # Whoever made the data keeps it, even if another candidate was installed since.
        return Account(_account_name(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise StartFailed(
        f"PostgreSQL does not run as root and none of the accounts {', '.join(CANDIDATES)} exists. "
        "Create one (useradd --system postgres), or run as a normal user, or set DATABASE_URL to a server of your own."
    )


def can_enter(folder: Path, account: Account) -> bool:
    """Tell from the mode bits whether the account can pass through a folder and all folders above it."""
    for each in (folder, *folder.parents):
        try:
            info = each.stat()
        except FileNotFoundError:
            continue
        if info.st_uid == account.uid:
            allowed = info.st_mode & stat.S_IXUSR
        elif info.st_gid == account.gid:
            allowed = info.st_mode & stat.S_IXGRP
        else:
            allowed = info.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def reachable_folder(folder: Path, account: Account | None) -> Path:
    """Return `folder`, or its stand-in below /var/lib (else the temporary folder) when the account cannot enter it.

    The stand-in's name follows from the folder's path, so that every later command finds it again.

    Raises:
        StartFailed: the data is in `folder` already, but the account can no longer enter it.
    """
    folder = folder.resolve()
    if account is None or can_enter(folder.parent, account):
        return folder
    if (folder / "data").exists():
        raise StartFailed(
            f"PostgreSQL's data is in {folder}, but the account {account.name}, under which it runs for root, cannot enter that "
            f"folder any more. Allow it on each folder above (chmod o+x), or delete the data with `stakewire reset`."
        )
    base = Path("/var/lib")
    if not (base.is_dir() and os.access(base, os.W_OK)):
        base = Path(tempfile.gettempdir())
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return base / "stakewire" / name


def reachable_programs(programs: Path, version: str, copies: Path, account: Account | None) -> Path:
    """Return a folder of programs that the account can execute: the given one, or a copy of it below `copies`.

    Args:
        programs: the `bin` folder of the PostgreSQL distribution.
        version: of the distribution; a new one is copied anew.
        copies: where a copy may be made; a folder that the account can enter.
        account: the account, None for the current one.
    """
    if account is None or can_enter(programs, account):
        return programs
    # The programs find share and lib beside themselves, and some libraries in a folder beside the package.
    package = programs.parent.parent
    target = copies / f"programs-{version}"
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        for source in (package, package.with_name(package.name + ".libs")):
            if source.exists():
                shutil.copytree(source, target / source.name, symlinks=True)
        for each in (target, *target.rglob("*")):
            each.chmod(
                each.stat().st_mode
                | stat.S_IRGRP
                | stat.S_IROTH
                | (stat.S_IXGRP | stat.S_IXOTH if each.stat().st_mode & stat.S_IXUSR else 0)
            )
        (target / "complete").touch()
    return target / programs.relative_to(package.parent)


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
