-- beat: say that this process lives, and forget those that have not said so for long
-- Of all that come back at once after the database was away each leaves those alone that just speak for themselves.
with gone as (
    delete from processes
    where id in (
        select id from processes
        where seen_at < now() - make_interval(secs => %(forget_seconds)s::float8) and id <> %(id)s
        for update skip locked
    )
)
insert into processes (id, host, pid, version, roles, tasks, started_at)
values (
    %(id)s, %(host)s, %(pid)s::int, %(version)s, %(roles)s::text[], %(tasks)s::jsonb,
    now() - make_interval(secs => %(lived_seconds)s::float8)
)
on conflict (id) do update set seen_at = now(), tasks = excluded.tasks;

-- leave: say that this process ends
delete from processes where id = %(id)s;

-- living: the processes of this deployment, those that run longest first
select id, host, pid, version, roles, tasks, started_at,
       extract(epoch from now() - seen_at)::float8 as silent_seconds
from processes
order by started_at, id
limit %(limit)s;
