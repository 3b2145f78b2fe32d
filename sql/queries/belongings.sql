-- counts: what an account has, as somebody is told who takes it along or deletes it
select a.email,
       (select count(*) from messages where account_id = a.id) as messages,
       (select count(*) from agents where account_id = a.id) as agents,
       (select count(*) from domains where account_id = a.id) as domains,
       (select count(*) from webhooks where account_id = a.id) as webhooks,
       (select count(*) from api_keys where account_id = a.id and revoked_at is null) as keys,
       (select count(*) from oauth_grants where account_id = a.id and revoked_at is null) as programs,
       (select count(*) from contacts where account_id = a.id) as contacts,
       (select count(*) from templates where account_id = a.id) as templates,
       (select count(*) from suppressions where account_id = a.id) as suppressions,
       coalesce((select storage_bytes from account_usage where account_id = a.id), 0) as octets,
       coalesce((select number from audit_heads where account_id = a.id), 0) as audit_rows
from accounts a
where a.id = %(account_id)s and a.closed_at is null;

-- names: what the log of an account told of its sessions, keys and programs when they began, or of keys what is known now
select distinct on (id) id, kind, evidence
from (
    select l.subject as id, l.action as kind, l.evidence::jsonb as evidence, l.number
    from audit_log l
    where l.account_id = %(account_id)s and l.subject = any(%(ids)s::text[])
        and l.action in ('session.begun', 'key.created', 'connection.allowed')
    union all
    select k.id, 'key.created', jsonb_build_object('name', k.name, 'key_prefix', k.key_prefix), 0
    from api_keys k
    where k.account_id = %(account_id)s and k.id = any(%(ids)s::text[])
) known
order by id, number desc;

-- places: which of these messages, agents, domains and webhooks are still there, and the agent of each message
select id, agent_email as place, review_status
from messages
where account_id = %(account_id)s and id = any(%(ids)s::text[]) and deleted_at is null
union all
select email, 'agent', null from agents
where account_id = %(account_id)s and email = any(%(ids)s::text[]) and deleted_at is null
union all
select domain, 'domain', null from domains where account_id = %(account_id)s and domain = any(%(ids)s::text[])
union all
select id, 'webhook', null from webhooks where account_id = %(account_id)s and id = any(%(ids)s::text[]);
