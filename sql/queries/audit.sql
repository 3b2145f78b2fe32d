-- append: what was decided, in the transaction of its effect; number, previous and digest are the database's
insert into audit_log (account_id, at, actor_kind, actor, action, subject, evidence)
values (
    %(account_id)s, %(at)s, %(actor_kind)s, %(actor)s, %(action)s, %(subject)s, %(evidence)s::json
);

-- append_if_there: the same for somebody else's account, which may be closed or go at this moment
with there as (
    select id from accounts where id = %(account_id)s and closed_at is null for key share
)
insert into audit_log (account_id, at, actor_kind, actor, action, subject, evidence)
select id, %(at)s, %(actor_kind)s, %(actor)s, %(action)s, %(subject)s, %(evidence)s::json from there;

-- alone: held until the end of a transaction that appends to the logs of more than one account
select pg_advisory_xact_lock(hashtextextended('e2ad audit', 0));

-- rows: an account's rows in the order of their numbers, as their digests are made of them
-- A time that no row can have been written with has no text.
select account_id, number,
       case when at >= '2000-01-01T00:00:00Z' and at < '10000-01-01T00:00:00Z'
            then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') else '' end as at,
       actor_kind, actor, action, subject, evidence::text as evidence, previous, digest
from audit_log
where account_id = %(account_id)s and number > %(after)s
order by number
limit %(limit)s;

-- head: the newest row of an account, as it was when it was written
select number, digest from audit_heads where account_id = %(account_id)s;

-- next_account: the first account behind another that has a log, or the head of one
select least(
    (select min(account_id) from audit_log where account_id > %(after)s),
    (select min(account_id) from audit_heads where account_id > %(after)s)
);

-- find_account: an account by its id or by the address of its owner, also one that has nothing left but its log
select id from accounts where id = %(wanted)s or email = %(wanted)s
union
select account_id from audit_heads where account_id = %(wanted)s
union
(select account_id from audit_log where account_id = %(wanted)s limit 1);

-- page: an account's rows, newest first, of one action, subject, actor, kind of actor and time where that is asked
select account_id, number, at, actor_kind, actor, action, subject, evidence, previous, digest
from audit_log
where account_id = %(account_id)s
    and number < coalesce(%(before)s::bigint, 9223372036854775807)
    and (%(action)s::text is null or action = %(action)s)
    and (%(subject)s::text is null or subject = %(subject)s)
    and (%(actor)s::text is null or actor = %(actor)s)
    and (%(actor_kind)s::text is null or actor_kind = %(actor_kind)s)
    and (%(since)s::timestamptz is null or at >= %(since)s)
    and (%(until)s::timestamptz is null or at < %(until)s)
order by number desc
limit %(limit)s;
