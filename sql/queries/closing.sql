-- lock: the account, kept from whoever else closes it, until the transaction ends
select email from accounts where id = %(account_id)s and closed_at is null for update;

-- halt: what waits to be sent is not sent any more
update submissions set next_attempt_at = null
where account_id = %(account_id)s and next_attempt_at is not null and not (status = 'sending' and leased_until > now());

-- in_progress: whether mail of the account is being sent at this moment
select exists (
    select from submissions
    where account_id = %(account_id)s and next_attempt_at is not null and status = 'sending' and leased_until > now());

-- close: end every way into an account, and every way out of it; how much of what ended
-- The owner's address is free again at once.
with keys as (
    delete from api_keys where account_id = %(account_id)s returning 1
), signed_in as (
    delete from sessions where account_id = %(account_id)s returning 1
), links as (
    delete from sign_in_links where account_id = %(account_id)s
), identities as (
    delete from oidc_identities where account_id = %(account_id)s
), codes as (
    delete from oauth_codes where account_id = %(account_id)s returning 1
), tokens as (
    delete from oauth_tokens where account_id = %(account_id)s returning kind
), grants as (
    delete from oauth_grants where account_id = %(account_id)s
), hooks as (
    delete from webhooks where account_id = %(account_id)s returning 1
), repeated as (
    delete from replays where account_id = %(account_id)s
), letters as (
    delete from notices where account_id = %(account_id)s
), trashed as (
    update agents set deleted_at = coalesce(deleted_at, now()), webhook_url = '', agent_mode = 'local', catch_all = false
    where account_id = %(account_id)s
), closed as (
    update accounts set closed_at = now(), email = id || '@closed.invalid', name = ''
    where id = %(account_id)s
    returning id
)
select (select count(*) from keys) as api_keys,
       (select count(*) from signed_in) as sessions,
       (select count(*) from codes) as oauth_auth_codes,
       (select count(*) from tokens where kind = 'access') as oauth_access_tokens,
       (select count(*) from tokens where kind = 'refresh') as oauth_refresh_tokens,
       (select count(*) from hooks) as webhooks
from closed,
     lateral (select pg_notify('e2ad_accounts', closed.id), pg_notify('e2ad_webhooks', closed.id),
                     pg_notify('e2ad_agents', '*')) as told;

-- closed: an account that nobody is deleting any more, such as of a process that was killed at it
-- Any of them: one that cannot be deleted shall not keep the others waiting.
select id from accounts
where closed_at < now() - make_interval(secs => %(seconds)s::float8)
order by random()
limit 1;

-- messages: a batch of an account's messages, with all that hangs on them
delete from messages where account_id = %(account_id)s and id = any(array(
    select id from messages where account_id = %(account_id)s limit %(batch)s));

-- contents: a batch of mail as it came
delete from contents where account_id = %(account_id)s and sha256 = any(array(
    select sha256 from contents where account_id = %(account_id)s limit %(batch)s));

-- events: a batch of events
delete from events where account_id = %(account_id)s and id = any(array(
    select id from events where account_id = %(account_id)s limit %(batch)s));

-- deliveries: a batch of deliveries
delete from deliveries where account_id = %(account_id)s and id = any(array(
    select id from deliveries where account_id = %(account_id)s limit %(batch)s));

-- protection_events: a batch of what was noticed
delete from protection_events where account_id = %(account_id)s and id = any(array(
    select id from protection_events where account_id = %(account_id)s limit %(batch)s));

-- contacts: a batch of contacts with what agents have to do with them
delete from contacts where account_id = %(account_id)s and address = any(array(
    select address from contacts where account_id = %(account_id)s limit %(batch)s));

-- correspondents: a batch of addresses that agents know
delete from correspondents where account_id = %(account_id)s and address = any(array(
    select address from correspondents where account_id = %(account_id)s limit %(batch)s));

-- metrics_hours: a batch of hours that were counted
delete from metrics_hours where account_id = %(account_id)s and (agent_email, hour, direction) in (
    select agent_email, hour, direction from metrics_hours where account_id = %(account_id)s limit %(batch)s);

-- metrics_days: a batch of days that were summed up
delete from metrics_days where account_id = %(account_id)s and (day, agent_email, direction) in (
    select day, agent_email, direction from metrics_days where account_id = %(account_id)s limit %(batch)s);

-- queue_hours: a batch of hours in which something waited
delete from queue_hours where account_id = %(account_id)s and (hour, queue) in (
    select hour, queue from queue_hours where account_id = %(account_id)s limit %(batch)s);

-- idempotency_keys: a batch of stored answers
delete from idempotency_keys where account_id = %(account_id)s and key = any(array(
    select key from idempotency_keys where account_id = %(account_id)s limit %(batch)s));

-- agent_unsubscribe_tokens: a batch of links, one for each recipient of each agent
delete from unsubscribe_tokens where account_id = %(account_id)s and token_sha256 = any(array(
    select token_sha256 from unsubscribe_tokens where account_id = %(account_id)s limit %(batch)s));

-- agents: a batch of agents, which have no mail any more but what came in behind the last batch of it
delete from agents where account_id = %(account_id)s and email = any(array(
    select email from agents where account_id = %(account_id)s limit %(batch)s));

-- heirs: domains that trashed agents of others hang on, and whose they become
select distinct on (d.domain) d.domain, a.account_id
from domains d
join agents a on a.registered_domain = d.domain and a.account_id <> %(account_id)s
where d.account_id = %(account_id)s
order by d.domain, a.created_at;

-- bequeath: a domain becomes a claim of another account that has run out: free for anybody once its agents are gone
with emptied as (
    delete from domain_keys where domain = %(domain)s
)
update domains set
    account_id = %(heir)s, verification_token = %(token)s, claim_expires_at = now(), created_at = now(),
    verified = false, verified_at = null, is_primary = false, last_checked_at = null, next_check_at = null,
    failing_since = null, sending_status = 'none', sending_failing_since = null, sending_error = null,
    sending_checked_at = null, bounce_verified = false, seen = '{}'
where domain = %(domain)s;

-- domains: all of them; their names are free
with gone as (
    delete from domains where account_id = %(account_id)s returning domain
)
select count(pg_notify('e2ad_domains', gone.domain)) from gone;

-- erase: the account itself with the little that is left of it
with limits as (
    delete from rate_windows where position(%(account_id)s in subject) > 0
), unsearched as (
    -- Nothing refers to it, so nothing takes it along.
    delete from search_queue where account_id = %(account_id)s
), unmarked as (
    delete from metrics_stale where account_id = %(account_id)s
), usage as (
    delete from account_usage where account_id = %(account_id)s returning 1
), blocks as (
    delete from suppressions where account_id = %(account_id)s returning agent_email
), texts as (
    delete from templates where account_id = %(account_id)s returning 1
), gone as (
    delete from accounts where id = %(account_id)s returning id
)
select (select count(*) from usage) as usage_summaries,
       (select count(*) from blocks where agent_email <> '') as agent_suppressions,
       (select count(*) from blocks where agent_email = '') as suppressions,
       (select count(*) from texts) as templates
from gone, lateral (select pg_notify('e2ad_accounts', gone.id), pg_notify('e2ad_agents', '*')) as told;
