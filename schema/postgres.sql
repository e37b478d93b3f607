-- The roles of a ledger in PostgreSQL. Run it after `cronledger setup`, as a superuser, or as
-- the owner of the table if it may create roles:
--
--   cronledger template postgres >roles.sql    # change the names, then
--   psql -v ON_ERROR_STOP=1 -f roles.sql
--
-- The table is public.cronledger. Write its name here if the address of your ledger has ?schema= or ?table=.

-- Reads everything, for `check`, `history`, `show`, `tasks` and `serve`.
CREATE ROLE cronledger_auditor NOLOGIN;
GRANT USAGE ON SCHEMA public TO cronledger_auditor;
GRANT SELECT ON public.cronledger TO cronledger_auditor;

-- Runs any task, and may use every command but `setup`.
CREATE ROLE cronledger_operator NOLOGIN;
GRANT USAGE ON SCHEMA public TO cronledger_operator;
GRANT SELECT, INSERT, UPDATE ON public.cronledger TO cronledger_operator;

-- Reads everything, and writes what `check --once` has told.
CREATE ROLE cronledger_checker NOLOGIN;
GRANT USAGE ON SCHEMA public TO cronledger_checker;
GRANT SELECT, INSERT, UPDATE ON public.cronledger TO cronledger_checker;

-- With row-level security, a role sees only what a policy gives to it. The owner of the table sees everything.
ALTER TABLE public.cronledger ENABLE ROW LEVEL SECURITY;
CREATE POLICY auditor ON public.cronledger FOR SELECT TO cronledger_auditor USING (true);
CREATE POLICY operator ON public.cronledger TO cronledger_operator USING (true);
CREATE POLICY checker ON public.cronledger FOR SELECT TO cronledger_checker USING (true);
-- For the checker of a tenant, which tells --once crm/ops: '#told/crm/'.
CREATE POLICY told ON public.cronledger TO cronledger_checker USING (starts_with(task, '#told/'));

-- A batch that may touch only its own task. Repeat this for each task, with its name and a password.
CREATE ROLE nightly LOGIN PASSWORD NULL;
GRANT USAGE ON SCHEMA public TO nightly;
GRANT SELECT, INSERT, UPDATE ON public.cronledger TO nightly;
CREATE POLICY nightly ON public.cronledger TO nightly USING (task = 'nightly');
-- If it comes after other tasks (`run --after`), it must read their rows:
--   CREATE POLICY nightly_after ON public.cronledger FOR SELECT TO nightly USING (task IN ('extract'));
-- For a prefix (`--after 'imp/*'`), all that it stands for. What it cannot see, it does not wait for:
--   CREATE POLICY nightly_prefix ON public.cronledger FOR SELECT TO nightly USING (starts_with(task, 'imp/'));
