-- find_return_path: the message that left with a return token, if the address is one of ours for it
select s.account_id, s.message_id, s.agent_email
from submissions s
where s.return_token = %(token)s
    and (
        %(domain)s::text is null
        or lower(s.return_path) = 'bounces+' || %(token)s || '@bounce.' || %(domain)s
        or exists (select from domains d where d.domain = %(domain)s and d.verified)
    );

-- correlate: the messages that a provider means, by its own ids for them or by their return tokens; two are enough
select s.account_id, s.message_id, s.agent_email
from submissions s
where s.return_token = any(%(tokens)b::text[])
union
select s.account_id, s.message_id, s.agent_email
from submissions s
where s.provider_message_id = any(%(provider_ids)b::text[])
limit 2;

-- recipients: the recipients of one message that the relay carries, each with how long the message's ledger is
select r.address, (
        select count(*) from lifecycle l where l.account_id = r.account_id and l.message_id = r.message_id
    )::int as ledger_rows
from recipients r
where r.account_id = %(account_id)s and r.message_id = %(message_id)s and r.route = 'relay'
order by r.address;

-- remember: note a provider's event, once; no row says that it was noted before
insert into provider_events (id)
values (%(id)s)
on conflict do nothing
returning id;

-- sweep: a batch of noted events past their retention
delete from provider_events p
using (
    select id from provider_events
    where created_at < now() - make_interval(days => %(days)s::int)
    limit %(batch)s::bigint
) old
where p.id = old.id;
