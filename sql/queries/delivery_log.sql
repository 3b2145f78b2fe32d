-- of_endpoint: what was and will be sent to one endpoint, newest first, of one status or all
select d.id, d.kind, d.endpoint, d.event_id, d.event_type, d.replay_id, d.status, d.attempts, d.waits,
       d.next_attempt_at, d.last_attempt_at, d.last_error, d.created_at,
       coalesce(w.url, a.webhook_url, p.url, '') as url
from deliveries d
left join webhooks w on d.kind = 'webhook' and w.account_id = d.account_id and w.id = d.endpoint
left join agents a
    on d.kind = 'agent' and a.email = d.endpoint and a.account_id = d.account_id and a.deleted_at is null
left join replays p on d.kind = 'url' and p.account_id = d.account_id and p.id = d.replay_id
where d.account_id = %(account_id)s and d.endpoint = %(endpoint)s
  and (%(status)s::text is null or d.status = %(status)s::text)
  and (d.created_at, d.id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
order by d.created_at desc, d.id desc
limit %(limit)s;

-- of_event: what was and will be sent of one event, newest first
select d.id, d.kind, d.endpoint, d.event_id, d.event_type, d.replay_id, d.status, d.attempts, d.waits,
       d.next_attempt_at, d.last_attempt_at, d.last_error, d.created_at,
       coalesce(w.url, a.webhook_url, p.url, '') as url
from (
    select * from deliveries where account_id = %(account_id)s and event_id = %(event_id)s and replay_id is null
    union all
    select * from deliveries where account_id = %(account_id)s and event_id = %(event_id)s and replay_id is not null
) d
left join webhooks w on d.kind = 'webhook' and w.account_id = d.account_id and w.id = d.endpoint
left join agents a
    on d.kind = 'agent' and a.email = d.endpoint and a.account_id = d.account_id and a.deleted_at is null
left join replays p on d.kind = 'url' and p.account_id = d.account_id and p.id = d.replay_id
order by d.created_at desc, d.id desc
limit %(limit)s;

-- of_replay: what is sent again by one wish, of one status or all
select d.id, d.kind, d.endpoint, d.event_id, d.event_type, d.replay_id, d.status, d.attempts, d.waits,
       d.next_attempt_at, d.last_attempt_at, d.last_error, d.created_at,
       coalesce(w.url, a.webhook_url, p.url, '') as url
from deliveries d
left join webhooks w on d.kind = 'webhook' and w.account_id = d.account_id and w.id = d.endpoint
left join agents a
    on d.kind = 'agent' and a.email = d.endpoint and a.account_id = d.account_id and a.deleted_at is null
left join replays p on d.kind = 'url' and p.account_id = d.account_id and p.id = d.replay_id
where d.account_id = %(account_id)s and d.replay_id = %(replay_id)s
  and (%(status)s::text is null or d.status = %(status)s::text)
  and d.id > %(after_id)s::text
order by d.id
limit %(limit)s;

-- one: one delivery of the account
select d.id, d.kind, d.endpoint, d.event_id, d.event_type, d.replay_id, d.status, d.attempts, d.waits,
       d.next_attempt_at, d.last_attempt_at, d.last_error, d.created_at,
       coalesce(w.url, a.webhook_url, p.url, '') as url
from deliveries d
left join webhooks w on d.kind = 'webhook' and w.account_id = d.account_id and w.id = d.endpoint
left join agents a
    on d.kind = 'agent' and a.email = d.endpoint and a.account_id = d.account_id and a.deleted_at is null
left join replays p on d.kind = 'url' and p.account_id = d.account_id and p.id = d.replay_id
where d.account_id = %(account_id)s and d.id = %(id)s;

-- attempts: the attempts at these deliveries, each in its order
select delivery_id, number, at, took, status_code, error, response_excerpt
from delivery_attempts
where account_id = %(account_id)s and delivery_id = any(%(ids)s::text[])
order by delivery_id, number;

-- recent: how the newest deliveries of the last day went, for each of these endpoints
select e.endpoint, d.total, d.delivered, d.failed
from unnest(%(endpoints)s::text[]) as e (endpoint)
cross join lateral (
    select count(*) as total,
           count(*) filter (where status = 'delivered') as delivered,
           count(*) filter (where status = 'failed') as failed
    from (
        select status
        from deliveries
        where account_id = %(account_id)s and endpoint = e.endpoint and created_at > now() - interval '1 day'
        order by created_at desc, id desc
        limit %(most)s
    ) newest
) d;
