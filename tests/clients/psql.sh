#!/bin/bash
# psql and the libpq below it: every step of README.md.
set -euo pipefail

export PGHOST=$HOST PGPORT=$PORT PGDATABASE=$DATABASE PGUSER=$ACCOUNT PGPASSWORD=$PASSWORD PGCONNECT_TIMEOUT=30

psql=(psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1)

sql() {
    "${psql[@]}" "$@"
}

one() {
    sql --command "$1"
}

expect() {
    [[ $2 == "$1" ]] || { echo "expected $1, found $2" >&2; exit 1; }
}

expect 'grüße ☃' "$(one "SELECT 'grüße ☃'")"
echo query

expect $'5\n17' "$(sql <<<"PREPARE plus AS SELECT length(\$1) + 1; EXECUTE plus('eins'); EXECUTE plus('zwei und zwanzig');")"
echo prepared

one "CREATE TABLE $TABLE (n INT, word VARCHAR(40))"
sql <<<"BEGIN; INSERT INTO $TABLE VALUES (1, 'one'); ROLLBACK;"
expect 0 "$(one "SELECT count(*) FROM $TABLE")"
sql <<<"BEGIN; INSERT INTO $TABLE VALUES (1, 'one'); COMMIT;"
expect 1 "$(one "SELECT count(*) FROM $TABLE")"
echo transaction

expect $((50 * 1048577)) "$(one "SELECT repeat('x', 1048576) FROM generate_series(1, 50)" | wc --bytes)"
echo '50 MB'

one "\\copy $TABLE FROM '$ROWS'"
expect 1001 "$(one "\\copy $TABLE TO STDOUT" | wc --lines)"
echo load

# An interrupted psql sends a cancel request, by a connection of its own.
mine="query = 'SELECT pg_sleep(60) AS $TABLE'"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
"${psql[@]}" --command "SELECT pg_sleep(60) AS $TABLE" 2>"$answer" &
until [[ $(one "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND $mine") == 1 ]]; do
    sleep 0.02
done
kill -INT $!
wait $! && exit 1
grep --quiet 'canceling statement due to user request' "$answer"
echo cancel

PGPASSWORD=wrong one 'SELECT 1' 2>"$answer" && exit 1
grep --quiet 'password authentication failed for user' "$answer"
echo 'wrong password'

{
    echo "SELECT 'held';"
    read -r _
    echo "SELECT 'survived';"
} | sql && exit 1
expect 1001 "$(one "SELECT count(*) FROM $TABLE")"
echo restart
