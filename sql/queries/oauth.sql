-- insert_client: a program that has registered
insert into oauth_clients (id, name, redirect_uris, registered_from, created_at)
values (%(id)s, %(name)s, %(redirect_uris)s::text[], %(registered_from)s, %(at)s);

-- keep_client: a program that is described by a document, as the document says it now
insert into oauth_clients as c (id, name, redirect_uris, metadata_url)
values (%(id)s, %(name)s, %(redirect_uris)s::text[], %(metadata_url)s)
on conflict (id) do update set name = excluded.name, redirect_uris = excluded.redirect_uris
    where (c.name, c.redirect_uris) is distinct from (excluded.name, excluded.redirect_uris);

-- find_client: a program by its id
select id, name, redirect_uris, metadata_url, created_at from oauth_clients where id = %(id)s;

-- add_grant: let a program in and make its code; nothing where the inbox is no live one of the account
with granted as (
    insert into oauth_grants (account_id, id, client_id, scope, agent_email, resource, created_at)
    select %(account_id)s, %(id)s, %(client_id)s, %(scope)s, %(agent_email)s::text, %(resource)s::text, %(at)s
    where %(agent_email)s::text is null or exists (
        select from agents
        where email = %(agent_email)s and account_id = %(account_id)s and deleted_at is null
    )
    returning account_id, id, client_id
), used as (
    update oauth_clients c set last_used_at = %(at)s
    from granted
    where c.id = granted.client_id
        and (c.last_used_at is null or c.last_used_at < %(at)s::timestamptz - interval '1 day')
)
insert into oauth_codes (code_sha256, account_id, grant_id, client_id, redirect_uri, challenge, expires_at)
select %(code_sha256)s, account_id, id, client_id, %(redirect_uri)s, %(challenge)s, %(expires_at)s
from granted
returning grant_id;

-- lock_code: a code with its grant, for one request at a time
select c.account_id, c.grant_id, c.client_id, c.redirect_uri, c.challenge, c.expires_at, c.used_at,
       g.scope, g.agent_email, g.resource,
       g.revoked_at is null and (g.agent_email is null or exists (
           select from agents a
           where a.email = g.agent_email and a.account_id = g.account_id and a.deleted_at is null
       )) as live
from oauth_codes c
join oauth_grants g on g.account_id = c.account_id and g.id = c.grant_id
where c.code_sha256 = %(code_sha256)s
for update of c;

-- use_code: a code is good for one exchange
update oauth_codes set used_at = %(at)s where code_sha256 = %(code_sha256)s;

-- lock_refresh: a refresh token with its grant, for one request at a time
-- `successor_used` tells that the answer to its first use arrived: a retry of that use is none.
select t.account_id, t.grant_id, g.client_id, t.expires_at, t.rotated_at, g.scope, g.agent_email, g.resource,
       g.revoked_at is null and (g.agent_email is null or exists (
           select from agents a
           where a.email = g.agent_email and a.account_id = g.account_id and a.deleted_at is null
       )) as live,
       exists (
           select from oauth_tokens s where s.parent_sha256 = t.token_sha256 and s.rotated_at > 'epoch'
       ) as successor_used
from oauth_tokens t
join oauth_grants g on g.account_id = t.account_id and g.id = t.grant_id
where t.token_sha256 = %(token_sha256)s and t.kind = 'refresh'
for update of t;

-- rotate: a refresh token was used; those that an earlier use of it made, which nobody has, are dead
with dead as (
    delete from oauth_tokens where parent_sha256 = %(token_sha256)s and kind = 'access' returning account_id
), told as (
    select pg_notify('e2ad_accounts', account_id) from dead limit 1
), replaced as (
    update oauth_tokens set rotated_at = 'epoch'
    where parent_sha256 = %(token_sha256)s and kind = 'refresh' and rotated_at is null
)
update oauth_tokens set rotated_at = coalesce(rotated_at, %(at)s)
where token_sha256 = %(token_sha256)s and (select count(*) from told) >= 0;

-- add_tokens: a pair of tokens of a grant
-- Everybody may use the same program: its row is written once a day, so that they do not wait for each other.
with used as (
    update oauth_clients set last_used_at = %(at)s
    where id = %(client_id)s and (last_used_at is null or last_used_at < %(at)s::timestamptz - interval '1 day')
)
insert into oauth_tokens (token_sha256, kind, account_id, grant_id, parent_sha256, created_at, expires_at)
values
    (%(access_sha256)s, 'access', %(account_id)s, %(grant_id)s, %(parent_sha256)s, %(at)s, %(access_until)s),
    (%(refresh_sha256)s, 'refresh', %(account_id)s, %(grant_id)s, %(parent_sha256)s, %(at)s, %(refresh_until)s);

-- find_access: whom an access token stands for, also when its hour is over
select t.account_id, t.grant_id, g.scope, g.agent_email, t.expires_at, a.account_class
from oauth_tokens t
join oauth_grants g on g.account_id = t.account_id and g.id = t.grant_id
join accounts a on a.id = t.account_id
where t.token_sha256 = %(token_sha256)s
  and t.kind = 'access'
  and a.closed_at is null
  and g.revoked_at is null
  and (g.agent_email is null or exists (
        select from agents l
        where l.email = g.agent_email and l.account_id = g.account_id and l.deleted_at is null));

-- find_token: whose a token is
select t.kind, t.account_id, t.grant_id, g.client_id
from oauth_tokens t
join oauth_grants g on g.account_id = t.account_id and g.id = t.grant_id
where t.token_sha256 = %(token_sha256)s;

-- drop_access: an access token that its holder gives back
with gone as (
    delete from oauth_tokens where token_sha256 = %(token_sha256)s and kind = 'access' returning account_id
)
select pg_notify('e2ad_accounts', account_id) from gone;

-- revoke_grant: end what a program may do, in every process
with ended as (
    update oauth_grants set revoked_at = %(at)s, revoked_reason = %(reason)s
    where account_id = %(account_id)s and id = %(id)s and revoked_at is null
    returning account_id
)
select pg_notify('e2ad_accounts', account_id) from ended;

-- page_connections: the programs that an account let in, newest first, ended ones included
select g.id, g.client_id, c.name as client_name, coalesce(g.agent_email, '') as agent_email, g.scope,
       g.created_at as issued_at, until.expires_at, g.revoked_at
from oauth_grants g
join oauth_clients c on c.id = g.client_id
left join lateral (
    select max(t.expires_at) as expires_at
    from oauth_tokens t
    where t.account_id = g.account_id and t.grant_id = g.id and t.kind = 'refresh'
) until on true
where g.account_id = %(account_id)s
  and (g.created_at, g.id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
order by g.created_at desc, g.id desc
limit %(limit)s;

-- sweep: what no program can use any more, a batch of each kind; says how full the fullest batch was
with codes as (
    delete from oauth_codes where code_sha256 in (
        select code_sha256 from oauth_codes
        where expires_at < now() - interval '1 hour' limit %(batch)s::bigint
    ) returning 1
), access as (
    delete from oauth_tokens where token_sha256 in (
        select token_sha256 from oauth_tokens
        where kind = 'access' and expires_at < now() - interval '1 day' limit %(batch)s::bigint
    ) returning 1
), refresh as (
    delete from oauth_tokens where token_sha256 in (
        select token_sha256 from oauth_tokens
        where kind = 'refresh' and expires_at < now() - interval '30 days' limit %(batch)s::bigint
    ) returning 1
), grants as (
    delete from oauth_grants o
    using (
        select g.account_id, g.id from oauth_grants g
        where g.created_at < now() - interval '1 day'
            and not exists (select from oauth_tokens t where t.account_id = g.account_id and t.grant_id = g.id)
            and not exists (select from oauth_codes c where c.account_id = g.account_id and c.grant_id = g.id)
        limit %(batch)s::bigint
    ) old
    where o.account_id = old.account_id and o.id = old.id
    returning 1
), clients as (
    delete from oauth_clients where id in (
        select c.id from oauth_clients c
        where coalesce(c.last_used_at, c.created_at) < now() - make_interval(days => %(client_days)s::int)
            and not exists (select from oauth_grants g where g.client_id = c.id)
        limit %(batch)s::bigint
    ) returning 1
)
select greatest(
    (select count(*) from codes), (select count(*) from access), (select count(*) from refresh),
    (select count(*) from grants), (select count(*) from clients)
);
