-- has_ledger: is there a table of applied migrations in the current schema?
select to_regclass('schema_migrations') is not null

-- create_ledger: make the table of applied migrations, under the lock
create table if not exists schema_migrations (
    version     integer primary key,
    name        text not null,
    sha256      text not null,
    applied_at  timestamptz not null default now()
)

-- applied: what has been applied, in order
select version, name, sha256 from schema_migrations order by version

-- record: claim one migration; its own transaction commits it together with the change
insert into schema_migrations (version, name, sha256) values (%(version)s, %(name)s, %(sha256)s)

-- try_lock: become the one process that migrates this database; false when another one is at it
select pg_try_advisory_lock(%(key)s::bigint)

-- unlock: let the next process migrate
select pg_advisory_unlock(%(key)s::bigint)

-- invalid_indexes: what a concurrent index build that failed has left behind
select c.relname::text as name
from pg_index i
join pg_class c on c.oid = i.indexrelid
where not i.indisvalid and c.relnamespace = current_schema()::regnamespace
order by 1
