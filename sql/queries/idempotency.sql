-- claim: take a key that is new, or whose first request died on the way
insert into idempotency_keys as k (account_id, key, fingerprint, claimed_at, created_at)
values (%(account_id)s, %(key)s, %(fingerprint)s, %(at)s, %(at)s)
on conflict (account_id, key) do update
    set fingerprint = excluded.fingerprint, claimed_at = excluded.claimed_at, created_at = excluded.created_at,
        status = null, content_type = null, body = null
    where (k.status is null and k.claimed_at < %(abandoned_before)s) or k.created_at < %(expired_before)s
returning claimed_at;

-- find: what is stored under a key
select fingerprint, status, content_type, body from idempotency_keys
where account_id = %(account_id)s and key = %(key)s;

-- finish: store the answer of the request that holds the claim
update idempotency_keys
set status = %(status)s, content_type = %(content_type)s, body = %(body)s
where account_id = %(account_id)s and key = %(key)s and claimed_at = %(claimed_at)s and status is null;

-- amend: replace the stored answer by one that was learned later
update idempotency_keys
set status = %(status)s, content_type = %(content_type)s, body = %(body)s
where account_id = %(account_id)s and key = %(key)s and claimed_at = %(claimed_at)s and status is not null;

-- forget: free a key whose effect failed after its answer was stored
delete from idempotency_keys
where account_id = %(account_id)s and key = %(key)s and claimed_at = %(claimed_at)s;

-- release: free a key whose request failed
delete from idempotency_keys
where account_id = %(account_id)s and key = %(key)s and claimed_at = %(claimed_at)s and status is null;

-- sweep: drop what is older than a key lives
delete from idempotency_keys where created_at < %(before)s;
