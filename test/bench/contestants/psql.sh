# What people write with PostgreSQL: one psql, which holds an advisory lock while the batch runs.
psql -h "$BENCH_PLACE" -U bench -d postgres -XAtq -v ON_ERROR_STOP=1 -v key="$BENCH_KEY" <<'SQL'
SELECT pg_try_advisory_lock(1) AS free \gset
INSERT INTO locks SELECT :'key', 'PENDING' WHERE :'free' ON CONFLICT DO NOTHING;
SELECT :ROW_COUNT = 1 AS new \gset
\if :new
\! sh -c ': > "$BENCH_STARTED"'
UPDATE locks SET state = 'COMPLETED' WHERE id = :'key';
\endif
SQL
