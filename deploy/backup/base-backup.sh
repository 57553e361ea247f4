#!/bin/sh
# A base backup of the live ledger, complete in itself (with the WAL written meanwhile), verified before it counts.
#
#   DATABASE_URL=postgresql://backup:...@db:5432/postgres  sh base-backup.sh /backups/base
#
# Makes /backups/base/<time in UTC> and prints its path. A folder that ends in .partial was interrupted and is no backup.
# The role needs the attribute REPLICATION (or be a superuser), and pg_hba.conf a line for `replication`. The wallets go on
# meanwhile; BACKUP_RATE (such as 50M a second) keeps the disks free for them.
# Needs pg_basebackup and pg_verifybackup of the server's major version; PG_BIN names their folder if they are not in PATH.
set -eu
umask 077

if [ $# -ne 1 ] || [ -z "${DATABASE_URL:-}" ]; then
    echo "usage: DATABASE_URL=postgresql://... sh base-backup.sh FOLDER" >&2
    exit 2
fi
[ -z "${PG_BIN:-}" ] || PATH="$PG_BIN:$PATH"

name=$(date -u +%Y%m%dT%H%M%SZ)
target=$1/$name
mkdir -p "$1"
if [ -e "$target" ] || [ -e "$target.partial" ]; then
    echo "base-backup: $target is there already; wait a second, or name another folder" >&2
    exit 1
fi
pg_basebackup --dbname="$DATABASE_URL" --pgdata="$target.partial" --format=plain --wal-method=stream --checkpoint=fast \
    --manifest-checksums=SHA256 --label="stakewire $name" ${BACKUP_RATE:+--max-rate="$BACKUP_RATE"} --no-password >&2
pg_verifybackup --quiet "$target.partial" >&2
mv "$target.partial" "$target"
sync
echo "$target"
