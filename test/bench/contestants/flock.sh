# What people write on one host: flock, and two calls of the command line of SQLite around the batch.
set -e
cd "$BENCH_PLACE"
exec 9>lock
flock --nonblock 9
test -n "$(sqlite3 locks.db "INSERT INTO locks VALUES ('$BENCH_KEY', 'PENDING') ON CONFLICT DO NOTHING RETURNING id")"
sh -c ': > "$BENCH_STARTED"'
sqlite3 locks.db "UPDATE locks SET state = 'COMPLETED' WHERE id = '$BENCH_KEY'"
