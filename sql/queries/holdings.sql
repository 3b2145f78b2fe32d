-- keys: an account's keys that are not revoked, those of one inbox where one is named, newest first
select k.id, k.name, k.key_prefix, k.scope, k.agent_email, k.expires_at, k.last_used_at, k.created_at
from api_keys k
where k.account_id = %(account_id)s
  and k.revoked_at is null
  and (%(agent_email)s::text is null or k.agent_email = %(agent_email)s::text)
  and (k.created_at, k.id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
order by k.created_at desc, k.id desc
limit %(limit)s;

-- key: one key of an account that is not revoked
select k.id, k.name, k.key_prefix, k.scope, k.agent_email, k.expires_at, k.last_used_at, k.created_at
from api_keys k
where k.account_id = %(account_id)s and k.id = %(id)s and k.revoked_at is null;

-- sessions: how many sessions began with each of these keys and are not over; whether this one is among them
select s.key_id, count(*)::int as sessions, bool_or(s.id = %(session_id)s) as mine
from sessions s
where s.account_id = %(account_id)s and s.key_id = any(%(keys)s::text[]) and s.expires_at > now()
group by s.key_id;

-- connection: a program that an account let in and that still has access
select g.id, g.client_id, c.name as client_name, coalesce(g.agent_email, '') as agent_email, g.scope,
       g.created_at as issued_at
from oauth_grants g
join oauth_clients c on c.id = g.client_id
where g.account_id = %(account_id)s and g.id = %(id)s and g.revoked_at is null;

-- agents: who has an address under a domain of an account, those in the trash last
select a.email, a.name, a.deleted_at is not null as trashed
from agents a
where a.registered_domain = %(domain)s and a.account_id = %(account_id)s
order by a.deleted_at is not null, a.email
limit %(limit)s;
