#!/bin/sh
# Receives the ledger's WAL as it is written, for ever: with it a base backup is restored to the last commit, or to any moment.
#
#   DATABASE_URL=postgresql://backup:...@db:5432/postgres  sh receive-wal.sh /backups/wal
#
# Runs beside the server on another machine or disk; a supervisor starts it again when it ends. The replication slot keeps
# what was not received on the server: a receiver that stays away fills the server's disk, unless max_slot_wal_keep_size is
# set there. The slot is stakewire_wal, or WAL_SLOT. To make a commit wait for this receiver (nothing is lost then), name it in
# synchronous_standby_names (stakewire_wal; it flushes each write and tells so).
# Start it BEFORE the base backup that it is to continue. PG_BIN names the folder of pg_receivewal if it is not in PATH.
set -eu
umask 077

if [ $# -ne 1 ] || [ -z "${DATABASE_URL:-}" ]; then
    echo "usage: DATABASE_URL=postgresql://... sh receive-wal.sh FOLDER" >&2
    exit 2
fi
[ -z "${PG_BIN:-}" ] || PATH="$PG_BIN:$PATH"
slot=${WAL_SLOT:-stakewire_wal}
export PGAPPNAME="$slot"

mkdir -p "$1"
pg_receivewal --dbname="$DATABASE_URL" --slot="$slot" --create-slot --if-not-exists --no-password
exec pg_receivewal --dbname="$DATABASE_URL" --slot="$slot" --directory="$1" --synchronous --no-password
