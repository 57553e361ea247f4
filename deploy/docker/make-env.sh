#!/bin/sh
# Writes the file .env that docker-compose.yml takes its passwords from: random, readable to its owner only. What the file
# says already stays, so it may run as often as you like. Needs a shell and openssl, or /dev/urandom.
#
# usage: make-env.sh [FILE]    default: .env beside docker-compose.yml
set -eu
umask 077

file=${1:-$(dirname "$0")/../../.env}

# 48 hexadecimal digits: safe in an address, in a shell and in a file of settings.
random() {
    if command -v openssl >/dev/null 2>&1; then
        openssl rand -hex 24
    else
        dd if=/dev/urandom bs=24 count=1 2>/dev/null | od -An -v -tx1 | tr -d ' \n'
        echo
    fi
}

if [ ! -e "$file" ]; then
    echo '# Made by deploy/docker/make-env.sh for docker-compose.yml. Secret: keep it out of version control, and keep it: the' >"$file"
    echo '# database knows the password that it was made with.' >>"$file"
fi
chmod 600 "$file"

made=
for name in POSTGRES_PASSWORD GRAFANA_PASSWORD; do
    grep -q "^$name=." "$file" && continue
    value=$(random)
    if [ "${#value}" -ne 48 ]; then
        echo "make-env.sh: no random bytes came; install openssl, or make /dev/urandom readable" >&2
        exit 1
    fi
    # An entry without a value gives way: compose would take the last one, a person reads the first one.
    { grep -v "^$name=" "$file" || :; printf '%s=%s\n' "$name" "$value"; } >"$file.new"
    mv "$file.new" "$file"
    made="$made $name"
done

if [ -n "$made" ]; then
    echo "written to $file:$made"
else
    echo "$file has all passwords already; nothing changed"
fi
