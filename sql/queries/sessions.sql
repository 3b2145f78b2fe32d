-- insert: a person who has just signed in
insert into sessions (
    token_sha256, id, account_id, key_id, signed_in_by, browser, network, renewal_seed, created_at, last_seen_at,
    token_since, expires_at
)
values (
    %(token_sha256)s, %(id)s, %(account_id)s, %(key_id)s::text, %(signed_in_by)s, %(browser)s, %(network)s,
    %(renewal_seed)s, %(at)s, %(at)s, %(at)s, %(expires_at)s
);

-- find: who is signed in; from time to time that is noted, and moves the end of the session
-- A token that was offered becomes the one that counts when it is shown first; the one before is good for a moment more.
with seen as (
    update sessions
    set last_seen_at = case when last_seen_at < %(noted_before)s then %(at)s else last_seen_at end,
        expires_at = case
            when last_seen_at < %(noted_before)s then least(%(at)s + %(idle)s::interval, created_at + %(longest)s::interval)
            else expires_at
        end,
        token_sha256 = coalesce(next_sha256, token_sha256),
        token_since = %(at)s,
        previous_sha256 = token_sha256,
        previous_until = %(at)s + %(overlap)s::interval,
        next_sha256 = null
    where next_sha256 = %(token_sha256)s and expires_at > %(at)s
    returning id
), noted as (
    update sessions
    set last_seen_at = %(at)s,
        expires_at = least(%(at)s + %(idle)s::interval, created_at + %(longest)s::interval)
    where token_sha256 = %(token_sha256)s and expires_at > %(at)s and last_seen_at < %(noted_before)s
)
select s.id, s.account_id, a.account_class,
       case when s.previous_sha256 = %(token_sha256)s then least(s.expires_at, s.previous_until) else s.expires_at end
           as expires_at,
       case when exists (select from seen) then %(at)s::timestamptz
            when s.token_sha256 = %(token_sha256)s then s.token_since
       end as token_since
from sessions s
join accounts a on a.id = s.account_id
where (s.token_sha256 = %(token_sha256)s
       or s.next_sha256 = %(token_sha256)s
       or s.previous_sha256 = %(token_sha256)s and s.previous_until > %(at)s)
  and s.expires_at > %(at)s
  and a.closed_at is null
  and (s.key_id is null or exists (
        select from api_keys k
        where k.account_id = s.account_id and k.id = s.key_id and k.revoked_at is null
          and (k.expires_at is null or k.expires_at > %(at)s)));

-- seed: what makes the next token of a session out of the one that counts
select renewal_seed from sessions where token_sha256 = %(token_sha256)s and expires_at > %(at)s;

-- offer: the next token of a session, to be shown by the browser from now on; the same for all who offer it at once
update sessions set next_sha256 = %(next_sha256)s
where token_sha256 = %(token_sha256)s and next_sha256 is distinct from %(next_sha256)s;

-- page: the sessions of an account that are not over, last used first
select id, created_at, last_seen_at, expires_at, signed_in_by, browser, network
from sessions s
where account_id = %(account_id)s and expires_at > %(at)s
  and (s.key_id is null or exists (
        select from api_keys k
        where k.account_id = s.account_id and k.id = s.key_id and k.revoked_at is null
          and (k.expires_at is null or k.expires_at > %(at)s)))
order by last_seen_at desc, id
limit %(limit)s;

-- delete: a person signs out, in every process
with gone as (
    delete from sessions
    where token_sha256 = %(token_sha256)s or next_sha256 = %(token_sha256)s
       or previous_sha256 = %(token_sha256)s and previous_until > %(at)s
    returning account_id, id
)
select gone.account_id, gone.id from gone, lateral (select pg_notify('e2ad_accounts', gone.account_id)) as told;

-- delete_one: one session of an account by its name, in every process
with gone as (
    delete from sessions where account_id = %(account_id)s and id = %(id)s returning account_id, id
)
select gone.account_id, gone.id from gone, lateral (select pg_notify('e2ad_accounts', gone.account_id)) as told;

-- delete_others: all sessions of an account but one, in every process
with gone as (
    delete from sessions where account_id = %(account_id)s and id <> %(kept)s returning account_id, id
), told as (
    select pg_notify('e2ad_accounts', account_id) from gone limit 1
)
select gone.account_id, gone.id from gone where (select count(*) from told) >= 0;

-- sweep: sessions that are over
delete from sessions where token_sha256 in (
    select token_sha256 from sessions where expires_at < now() limit %(batch)s::bigint
);
