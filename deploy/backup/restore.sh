#!/bin/sh
# Makes a data folder for PostgreSQL out of a base backup, to be started by you. Touches no running server and no old data.
#
#   sh restore.sh /backups/base/20260301T041500Z /var/lib/postgresql/18/main /backups/wal   to the last commit in the WAL
#   sh restore.sh /backups/base/20260301T041500Z /var/lib/postgresql/18/main                to the end of the base backup only
#
# The second way loses what came after the backup: read "Restored without the last WAL" in docs/operations.md before you start
# a wallet. RESTORE_TO='2026-03-01 12:30:00+00' stops at that moment: it loses what came after, as the second way does.
# The data folder must be empty or not there; the old one is moved away by you, never by this. As root, name its owner:
# PG_OWNER=postgres:postgres. PG_BIN names the folder of pg_verifybackup if it is not in PATH.
set -eu
umask 077

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
    echo "usage: sh restore.sh BACKUP DATA_FOLDER [WAL_FOLDER]" >&2
    exit 2
fi
[ -z "${PG_BIN:-}" ] || PATH="$PG_BIN:$PATH"
backup=$1
data=$2
wal=${3:-}

if [ ! -f "$backup/backup_manifest" ]; then
    echo "restore: $backup is no finished base backup (no backup_manifest in it)" >&2
    exit 1
fi
if [ -e "$data" ] && [ -n "$(ls -A "$data")" ]; then
    echo "restore: $data is not empty; stop the server that uses it and move it away" >&2
    exit 1
fi
if [ -n "${RESTORE_TO:-}" ] && [ -z "$wal" ]; then
    echo "restore: RESTORE_TO needs the WAL behind the backup; name its folder" >&2
    exit 1
fi
case $wal in
"") ;;
*[\'\"\\%]*) echo "restore: the path $wal may not contain quotes, backslashes or percent signs" >&2 && exit 1 ;;
/*) ;;
*) wal=$(cd "$wal" && pwd) ;;
esac
if [ -n "$wal" ] && [ ! -d "$wal" ]; then
    echo "restore: there is no folder $wal" >&2
    exit 1
fi

pg_verifybackup --quiet "$backup" >&2
mkdir -p "$data"
chmod 700 "$data"
cp -a "$backup/." "$data/"
if [ -n "$wal" ]; then
    # pg_receivewal names the segment that it was writing .partial: the last commits are in it.
    {
        echo
        echo "# Written by restore.sh; not needed any more once the server takes writes."
        echo "restore_command = 'cp \"$wal/%f\" \"%p\" || cp \"$wal/%f.partial\" \"%p\"'"
        echo "recovery_target_timeline = 'latest'"
        if [ -n "${RESTORE_TO:-}" ]; then
            echo "recovery_target_time = '$RESTORE_TO'"
            echo "recovery_target_action = 'promote'"
        fi
    } >>"$data/postgresql.auto.conf"
    : >"$data/recovery.signal"
fi
[ -z "${PG_OWNER:-}" ] || chown -R "$PG_OWNER" "$data"
sync
if [ -n "$wal" ] && [ -z "${RESTORE_TO:-}" ]; then
    echo "$data is ready: start PostgreSQL on it, then run \`stakewire verify --full\`" >&2
else
    echo "$data is ready, WITHOUT what came later: start PostgreSQL on it, but no wallet before \`stakewire wallet new-epoch --restored\`" >&2
fi
