-- lock: whether this transaction may run a sweep now; one process at a time
select pg_try_advisory_xact_lock(%(space)s::int, hashtext(%(name)s));

-- drop_events: a batch of events past their retention
delete from events e
using (
    select account_id, id from events
    where created_at < now() - make_interval(days => %(days)s::int)
    limit %(batch)s::bigint
) old
where e.account_id = old.account_id and e.id = old.id;

-- drop_deliveries: a batch of deliveries past their retention with their attempts, and what asked for them
with replayed as (
    delete from replays where created_at < now() - make_interval(days => %(days)s::int)
)
delete from deliveries d
using (
    select account_id, id from deliveries
    where created_at < now() - make_interval(days => %(days)s::int)
    limit %(batch)s::bigint
) old
where d.account_id = old.account_id and d.id = old.id;

-- drop_intake_keys: a batch of keys older than the window in which the same mail is one message
delete from intake_keys k
using (
    select account_id, agent_email, key from intake_keys
    where created_at < now() - make_interval(hours => %(hours)s::int)
    limit %(batch)s::bigint
) old
where k.account_id = old.account_id and k.agent_email = old.agent_email and k.key = old.key;

-- drop_audit: the log of an account that was deleted so long ago; as a whole, for a part of it would look tampered with
-- What somebody removed the account of by hand stays.
with old as (
    select h.account_id
    from audit_heads h
    where not exists (select from accounts a where a.id = h.account_id)
        and exists (
            select from audit_log l
            where l.account_id = h.account_id and l.action = 'account.deleted'
                and l.at < now() - make_interval(days => %(days)s))
    limit 1
), heads as (
    delete from audit_heads h using old where h.account_id = old.account_id
)
delete from audit_log l using old where l.account_id = old.account_id;

-- drop_notices: a batch of old mail of the deployment itself that nothing is to be done about any more
delete from notices n
using (
    select id from notices
    where next_attempt_at is null and created_at < now() - make_interval(days => %(days)s::int)
    limit %(batch)s::bigint
) old
where n.id = old.id;

-- drop_revisions: a batch of drafts that were decided about long ago; what was decided stays, and the mail where it left
delete from hold_revisions r
using (
    select r.account_id, r.message_id, r.revision
    from holds h
    join hold_revisions r on r.account_id = h.account_id and r.message_id = h.message_id
    where h.decided_at < now() - make_interval(days => %(days)s::int)
    limit %(batch)s::bigint
) old
where r.account_id = old.account_id and r.message_id = old.message_id and r.revision = old.revision;

-- purge_messages: delete a batch of one account's trashed messages for good and give their bytes back
with doomed as (
    select m.account_id, m.id
    from messages m
    where m.account_id = (
            select account_id from messages
            where deleted_at < now() - make_interval(days => %(days)s::int)
            limit 1
        )
        and m.deleted_at < now() - make_interval(days => %(days)s::int)
    limit %(batch)s::bigint
), gone as (
    delete from messages m using doomed
    where m.account_id = doomed.account_id and m.id = doomed.id
    returning m.account_id, m.size_bytes, m.content_sha256, m.created_at
), marks as (
    insert into metrics_stale (account_id, hour)
    select distinct account_id, date_trunc('hour', created_at, 'UTC')
    from gone
    where created_at < date_trunc('hour', now() - interval '5 minutes', 'UTC')
), given_back as (
    update account_usage u
    set storage_bytes = greatest(0, u.storage_bytes - freed.bytes)
    from (select account_id, sum(size_bytes) as bytes from gone group by account_id) freed
    where u.account_id = freed.account_id
)
select
    account_id, count(*) as messages,
    coalesce(array_agg(distinct content_sha256) filter (where content_sha256 is not null), '{}') as contents
from gone
group by account_id;

-- trashed_agents: agents whose time in the trash is over
select account_id, email
from agents
where deleted_at < now() - make_interval(days => %(days)s::int)
order by deleted_at
limit %(batch)s::bigint;

-- keep_statistics: let the planner know of tables that have grown by half since it last looked
-- PostgreSQL does this by itself a minute later. Until then it takes a young table for empty, any index for as good as
-- any other, and keeps to the plans that it made so.
do $$
declare
    young record;
begin
    for young in
        select relname
        from pg_stat_user_tables
        where schemaname = current_schema()
            and n_live_tup between 100 and 100000
            and n_mod_since_analyze > n_live_tup / 2
        order by relname
    loop
        execute format('analyze (skip_locked) %I', young.relname);
    end loop;
end
$$;
