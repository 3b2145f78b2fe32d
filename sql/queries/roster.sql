-- page: an account's living agents with what a list of them says, newest first; of a search those that it fits
select listed.*, waiting.unread, last.created_at as last_mail_at
from (
    select a.email, a.name, a.agent_mode, a.webhook_url, a.protection, a.created_at, d.verified as domain_verified
    from agents a
    join domains d on d.domain = a.registered_domain
    where a.account_id = %(account_id)s
      and a.deleted_at is null
      and (a.created_at, a.email) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_email)s::text)
      and (position(%(search)s::text in a.email) > 0 or position(%(search)s::text in lower(a.name)) > 0)
    order by a.created_at desc, a.email desc
    limit %(limit)s
) listed
cross join lateral (
    select count(*) as unread
    from (
        select
        from messages m
        where m.account_id = %(account_id)s and m.agent_email = listed.email and m.unread and m.deleted_at is null
          and coalesce(m.review_status, '')
              not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
        order by m.created_at desc, m.id desc
        limit 100
    ) one
) waiting
left join lateral (
    select m.created_at
    from messages m
    where m.account_id = %(account_id)s and m.agent_email = listed.email and m.deleted_at is null
      and (m.direction = 'outbound'
           or coalesce(m.review_status, '')
              not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
    order by m.created_at desc, m.id desc
    limit 1
) last on true
order by listed.created_at desc, listed.email desc;

-- around: what an agent's own page says beside its settings; nothing is counted further than a person reads
select
    (select count(*)
     from (
        select
        from messages m
        where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.unread and m.deleted_at is null
          and coalesce(m.review_status, '')
              not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
        order by m.created_at desc, m.id desc
        limit 100
     ) one) as unread,
    (select count(*)
     from (
        select
        from api_keys k
        where k.account_id = %(account_id)s and k.agent_email = %(agent_email)s and k.revoked_at is null
          and (k.expires_at is null or k.expires_at > now())
        limit 100
     ) one) as keys,
    (select count(*)
     from (
        select
        from suppressions s
        where s.account_id = %(account_id)s and s.agent_email = %(agent_email)s
        limit 100
     ) one) as suppressions;

-- newest: the newest mail of an agent, in and out
select m.id, m.direction, m.subject, m.header_from, m.to_addresses, m.created_at
from messages m
where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.deleted_at is null
  and (m.direction = 'outbound'
       or coalesce(m.review_status, '')
          not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
order by m.created_at desc, m.id desc
limit %(limit)s;

-- posted: the newest deliveries to an agent's own URL
select d.id, d.event_id, d.event_type, d.status, d.attempts, d.created_at, d.last_attempt_at, d.next_attempt_at,
       d.last_status_code, d.last_error
from deliveries d
where d.account_id = %(account_id)s and d.endpoint = %(agent_email)s and d.kind = 'agent'
order by d.created_at desc, d.id desc
limit %(limit)s;
