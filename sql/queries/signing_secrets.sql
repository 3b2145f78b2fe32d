-- page: all signing secrets of an account, newest first
select account_id, id, name, sealed_secret, created_at, last_signed_at
from signing_secrets
where account_id = %(account_id)s
order by created_at desc, id desc;

-- lock_account: let one transaction at a time add or delete an account's secrets
select id from accounts where id = %(account_id)s for no key update;

-- insert: a signing secret, if the account has fewer than it may have
with added as (
    insert into signing_secrets (account_id, id, name, sealed_secret)
    select %(account_id)s, %(id)s, %(name)s, %(sealed_secret)s
    where (select count(*) from signing_secrets where account_id = %(account_id)s) < %(at_most)s::bigint
    returning account_id, id, name, sealed_secret, created_at, last_signed_at
)
select added.*
from added, lateral (select pg_notify('e2ad_accounts', added.account_id)) as told;

-- insert_first: the signing secret of an account that has none
with added as (
    insert into signing_secrets (account_id, id, name, sealed_secret)
    select %(account_id)s, %(id)s, %(name)s, %(sealed_secret)s
    where not exists (select from signing_secrets where account_id = %(account_id)s)
    returning account_id
)
select added.account_id
from added, lateral (select pg_notify('e2ad_accounts', added.account_id)) as told;

-- delete: a signing secret, unless it is the last; says whether there was one and whether it went
with mine as (
    select id, (select count(*) from signing_secrets where account_id = %(account_id)s) as stored
    from signing_secrets
    where account_id = %(account_id)s and id = %(id)s
), gone as (
    delete from signing_secrets s using mine
    where s.account_id = %(account_id)s and s.id = mine.id and mine.stored > 1
    returning s.account_id
), told as (
    select pg_notify('e2ad_accounts', account_id) from gone
)
select exists (select from mine) as found, exists (select from gone) as deleted
where (select count(*) from told) >= 0;
