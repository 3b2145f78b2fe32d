-- mail_link: a link to sign in, kept and mailed where the address is that of an account; nothing where it is not
with owner as (
    select id, email from accounts where email = %(email)s and closed_at is null
), link as (
    insert into sign_in_links (token_sha256, account_id, browser_sha256, onward, created_at, expires_at)
    select %(token_sha256)s, id, %(browser_sha256)s, %(onward)s, %(at)s, %(expires_at)s from owner
), letter as (
    insert into notices (id, account_id, kind, recipient, content, next_attempt_at, created_at, expires_at)
    select %(notice_id)s, id, 'sign_in', email, %(content)s, %(at)s, %(at)s, %(expires_at)s from owner
)
select pg_notify('e2ad_submissions', '') from owner;

-- show_link: whose link it is and which browser asked for it, while it is good
select a.email, l.browser_sha256
from sign_in_links l
join accounts a on a.id = l.account_id
where l.token_sha256 = %(token_sha256)s and l.expires_at > %(at)s and a.closed_at is null;

-- take_link: use a link up, and with it all others of its account
-- The account's row is locked first: of two links that are used at once the second finds itself gone.
with owner as (
    select a.id
    from sign_in_links l
    join accounts a on a.id = l.account_id
    where l.token_sha256 = %(token_sha256)s and l.browser_sha256 = %(browser_sha256)s
      and l.expires_at > %(at)s and a.closed_at is null
    for no key update of a
), taken as (
    delete from sign_in_links where account_id in (select id from owner)
    returning token_sha256, account_id, onward
)
select account_id, onward from taken where token_sha256 = %(token_sha256)s;

-- insert_state: somebody is sent to the provider
insert into sign_in_states (state_sha256, browser_sha256, onward, created_at, expires_at)
values (%(state_sha256)s, %(browser_sha256)s, %(onward)s, %(at)s, %(expires_at)s);

-- take_state: somebody is back from the provider, once, in the browser that left
delete from sign_in_states
where state_sha256 = %(state_sha256)s and browser_sha256 = %(browser_sha256)s and expires_at > %(at)s
returning onward;

-- find_identity: the account that a provider's subject signs in to
update oidc_identities i set last_used_at = %(at)s
from accounts a
where i.issuer = %(issuer)s and i.subject = %(subject)s and a.id = i.account_id and a.closed_at is null
returning i.account_id;

-- link_identity: a provider's subject signs in to this account from now on; nothing where either has another one
insert into oidc_identities (issuer, subject, account_id, email, created_at, last_used_at)
select %(issuer)s, %(subject)s, a.id, %(email)s, %(at)s, %(at)s
from accounts a
where a.id = %(account_id)s and a.closed_at is null
on conflict do nothing
returning account_id;

-- sweep: links and answers that are over, and the mails that carried such links
with links as (
    delete from sign_in_links where token_sha256 in (
        select token_sha256 from sign_in_links where expires_at < now() limit %(batch)s::bigint
    ) returning 1
), states as (
    delete from sign_in_states where state_sha256 in (
        select state_sha256 from sign_in_states where expires_at < now() limit %(batch)s::bigint
    ) returning 1
), letters as (
    delete from notices where id in (
        select id from notices
        where expires_at < now() and (next_attempt_at is null or expires_at < now() - interval '1 hour')
        limit %(batch)s::bigint
    ) returning 1
)
select greatest((select count(*) from links), (select count(*) from states), (select count(*) from letters));
