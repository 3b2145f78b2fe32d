-- page: an account's webhooks of one surface, newest first
select account_id, id, surface, url, description, events, agent_emails, conversation_ids, labels, sealed_secret,
       enabled, auto_disabled_at, auto_disabled_reason, last_delivered_at, created_at
from webhooks
where account_id = %(account_id)s and surface = %(surface)s
  and (created_at, id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
order by created_at desc, id desc
limit %(limit)s;

-- find: one webhook of the account
select account_id, id, surface, url, description, events, agent_emails, conversation_ids, labels, sealed_secret,
       enabled, auto_disabled_at, auto_disabled_reason, last_delivered_at, created_at
from webhooks
where account_id = %(account_id)s and id = %(id)s and surface = %(surface)s;

-- room: hold the account while one webhook is added, and say how many it may have; null when it is gone
select max_webhooks from accounts where id = %(account_id)s for no key update;

-- insert: a webhook, if the account has room for one more
with added as (
    insert into webhooks (account_id, id, surface, url, description, events, agent_emails, conversation_ids, labels,
                          sealed_secret)
    select %(account_id)s, %(id)s, %(surface)s, %(url)s, %(description)s, %(events)s, %(agent_emails)s,
           %(conversation_ids)s, %(labels)s, %(sealed_secret)s
    where (select count(*) from webhooks where account_id = %(account_id)s) < %(max_webhooks)s::bigint
    returning account_id, id, surface, url, description, events, agent_emails, conversation_ids, labels, sealed_secret,
              enabled, auto_disabled_at, auto_disabled_reason, last_delivered_at, created_at
)
select added.*
from added, lateral (select pg_notify('e2ad_webhooks', added.account_id)) as told;

-- update: change what is given; switching on again clears the automatic stop, but not right after it
with changed as (
    update webhooks set
        url = coalesce(%(url)s::text, url),
        description = coalesce(%(description)s::text, description),
        events = coalesce(%(events)s::text[], events),
        agent_emails = coalesce(%(agent_emails)s::text[], agent_emails),
        conversation_ids = coalesce(%(conversation_ids)s::text[], conversation_ids),
        labels = coalesce(%(labels)s::text[], labels),
        enabled = coalesce(%(enabled)s::boolean, enabled),
        auto_disabled_at = case when %(enabled)s::boolean then null else auto_disabled_at end,
        auto_disabled_reason = case when %(enabled)s::boolean then null else auto_disabled_reason end,
        reenabled_at = case when %(enabled)s::boolean and not enabled then now() else reenabled_at end
    where account_id = %(account_id)s and id = %(id)s and surface = %(surface)s
      and (enabled or %(enabled)s::boolean is not true or auto_disabled_at is null
           or auto_disabled_at <= now() - make_interval(secs => %(cooldown_seconds)s))
    returning account_id, id, surface, url, description, events, agent_emails, conversation_ids, labels, sealed_secret,
              enabled, auto_disabled_at, auto_disabled_reason, last_delivered_at, created_at
)
select changed.*
from changed, lateral (select pg_notify('e2ad_webhooks', changed.account_id)) as told;

-- rotate: a new secret; the one before it goes on signing until it expires
with changed as (
    update webhooks set
        sealed_previous_secret = sealed_secret,
        sealed_secret = %(sealed_secret)s,
        previous_secret_expires_at = %(expires_at)s::timestamptz
    where account_id = %(account_id)s and id = %(id)s and surface = %(surface)s
    returning account_id
)
select changed.account_id
from changed, lateral (select pg_notify('e2ad_webhooks', changed.account_id)) as told;

-- delete: a webhook for good; what waits for it is given up by the worker that finds it gone
with gone as (
    delete from webhooks
    where account_id = %(account_id)s and id = %(id)s and surface = %(surface)s
    returning account_id
)
select gone.account_id
from gone, lateral (select pg_notify('e2ad_webhooks', gone.account_id)) as told;

-- add_test: a delivery without an event, unless the webhook is gone or switched off
with added as (
    insert into deliveries (account_id, id, endpoint, kind, event_type, body)
    select w.account_id, %(delivery_id)s, w.id, 'webhook', %(event_type)s, %(body)s
    from webhooks w
    where w.account_id = %(account_id)s and w.id = %(id)s and w.surface = %(surface)s and w.enabled
    returning account_id, id
)
select added.id
from added, lateral (select pg_notify('e2ad_events', added.account_id || ':')) as told;

-- deliveries: a webhook's attempts of one status or all, newest first; no row at all when the webhook is not there
with hook as (
    select account_id, id from webhooks where account_id = %(account_id)s and id = %(id)s and surface = %(surface)s
)
select d.id, d.event_id, d.event_type, d.status, d.attempts, d.next_attempt_at, d.last_attempt_at,
       d.last_status_code, d.last_error, d.response_excerpt, d.created_at
from hook
left join lateral (
    select *
    from deliveries s
    where s.account_id = hook.account_id and s.endpoint = hook.id
      and (%(status)s::text is null or s.status = %(status)s::text)
      and (s.created_at, s.id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
    order by s.created_at desc, s.id desc
    limit %(limit)s
) d on true
order by d.created_at desc, d.id desc;

-- replay_since: send again what was meant for one webhook since a moment, oldest first, a bounded number
with chosen as (
    select d.account_id, d.endpoint, d.kind, d.event_id, d.event_type, d.message_id, d.body
    from webhooks w
    join deliveries d on d.account_id = w.account_id and d.endpoint = w.id
    where w.account_id = %(account_id)s and w.id = %(id)s and w.surface = %(surface)s and w.enabled
      and d.kind = 'webhook' and d.event_id is not null and d.replay_id is null
      and d.status <> 'pending' and d.created_at >= %(since)s
    order by d.created_at, d.id
    limit %(limit)s
), added as (
    insert into deliveries (account_id, id, endpoint, kind, event_id, event_type, message_id, body, replay_id)
    select account_id, 'whd_' || replace(gen_random_uuid()::text, '-', ''), endpoint, kind, event_id, event_type,
           message_id, body, %(replay_id)s
    from chosen
    on conflict do nothing
    returning account_id
)
select counted.scheduled
from (select count(*) as scheduled, min(account_id) as account_id from added) as counted,
lateral (select pg_notify('e2ad_events', counted.account_id || ':') where counted.scheduled > 0
         union all select null where counted.scheduled = 0) as told;
