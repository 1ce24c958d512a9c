#!/bin/bash
# The command line client of MariaDB or MySQL, which $CLIENT says: every step of README.md.
set -euo pipefail

if [[ -n ${SOCKET-} ]]; then
    place=(--protocol=socket --socket="$SOCKET")
else
    place=(--protocol=tcp --host="$HOST" --port="$PORT")
fi
# MySQL's own asks for the key that hides a password only when told to; MariaDB's does by itself.
[[ $CLIENT == */mariadb ]] || place+=(--get-server-public-key)
export MYSQL_PWD=$PASSWORD

client=("$CLIENT" --no-defaults "${place[@]}" --user="$ACCOUNT" --connect-timeout=30 --local-infile=1 --batch
    --skip-column-names --unbuffered --default-character-set=utf8mb4 --database="$DATABASE")

sql() {
    "${client[@]}" "$@"
}

one() {
    sql --execute="$1"
}

expect() {
    [[ $2 == "$1" ]] || { echo "expected $1, found $2" >&2; exit 1; }
}

expect 'grüße ☃' "$(one "SELECT 'grüße ☃'")"
echo query

expect $'5\n17' "$(one "PREPARE plus FROM 'SELECT length(?) + 1'; SET @text = 'eins'; EXECUTE plus USING @text;
    SET @text = 'zwei und zwanzig'; EXECUTE plus USING @text")"
echo prepared

one "CREATE TABLE $TABLE (n INT, word VARCHAR(40))"
one "BEGIN; INSERT INTO $TABLE VALUES (1, 'one'); ROLLBACK"
expect 0 "$(one "SELECT count(*) FROM $TABLE")"
one "BEGIN; INSERT INTO $TABLE VALUES (1, 'one'); COMMIT"
expect 1 "$(one "SELECT count(*) FROM $TABLE")"
echo transaction

large="WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT repeat('x', 1048576) FROM n"
expect $((50 * 1048577)) "$(one "$large" | wc --bytes)"
echo '50 MB'

one "LOAD DATA LOCAL INFILE '$ROWS' INTO TABLE $TABLE"
expect 1001 "$(one "SELECT count(*) FROM $TABLE")"
echo load

# An interrupted client kills its query, by a session of its own.
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
begun=$SECONDS
"${client[@]}" --execute="SELECT SLEEP(60) AS $TABLE" >"$answer" 2>&1 &
until [[ $(one "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(60) AS $TABLE'") == 1 ]]; do
    sleep 0.02
done
kill -INT $!
wait $! || true
((SECONDS - begun < 50)) || { echo "the query went on: $(<"$answer")" >&2; exit 1; }
echo cancel

MYSQL_PWD=wrong one 'SELECT 1' 2>"$answer" && exit 1
grep --quiet 'Access denied for user' "$answer"
echo 'wrong password'

{
    echo "SELECT 'held';"
    read -r _
    echo "SELECT 'survived';"
} | sql && exit 1
expect 1001 "$(one "SELECT count(*) FROM $TABLE")"
echo restart
