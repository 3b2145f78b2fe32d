-- insert: a person who has just signed in
insert into sessions (token_sha256, account_id, key_id, created_at, last_seen_at, expires_at)
values (%(token_sha256)s, %(account_id)s, %(key_id)s::text, %(at)s, %(at)s, %(expires_at)s);

-- find: who is signed in; from time to time that is noted, and moves the end of the session
with seen as (
    update sessions
    set last_seen_at = %(at)s,
        expires_at = least(%(at)s + %(idle)s::interval, created_at + %(longest)s::interval)
    where token_sha256 = %(token_sha256)s and expires_at > %(at)s and last_seen_at < %(noted_before)s
)
select s.account_id, a.account_class, s.expires_at
from sessions s
join accounts a on a.id = s.account_id
where s.token_sha256 = %(token_sha256)s
  and s.expires_at > %(at)s
  and a.closed_at is null
  and (s.key_id is null or exists (
        select from api_keys k
        where k.account_id = s.account_id and k.id = s.key_id and k.revoked_at is null
          and (k.expires_at is null or k.expires_at > %(at)s)));

-- delete: a person signs out, in every process
with gone as (
    delete from sessions where token_sha256 = %(token_sha256)s returning account_id
)
select pg_notify('e2ad_accounts', account_id) from gone;

-- sweep: sessions that are over
delete from sessions where token_sha256 in (
    select token_sha256 from sessions where expires_at < now() limit %(batch)s::bigint
);
