-- received: count a mail that was kept back and is delivered now, with what vouches for its sender
-- The same that the statement of mail in does with what it delivers at once.
with counted as (
    insert into correspondents as c (
        account_id, agent_email, address, skeleton, inbound_count, verified_count, first_inbound_at, last_inbound_at,
        last_conversation_id, known
    )
    values (
        %(account_id)s, %(agent_email)s, %(address)s, %(look)s, 1, %(verified)s::bool::int, %(at)s::timestamptz,
        case when %(verified)s then %(at)s end, case when %(verified)s then %(conversation_id)s::text end, %(verified)s
    )
    on conflict (account_id, address, agent_email) do update set
        inbound_count = c.inbound_count + excluded.inbound_count,
        verified_count = c.verified_count + excluded.verified_count,
        first_inbound_at = least(c.first_inbound_at, excluded.first_inbound_at),
        last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at),
        last_conversation_id = coalesce(excluded.last_conversation_id, c.last_conversation_id),
        known = c.known or excluded.known
)
insert into sender_evidence as s (account_id, agent_email, address, mechanism, domain, selector, first_at, last_at)
select %(account_id)s, %(agent_email)s, %(address)s, e.mechanism, e.domain, e.selector, %(at)s, %(at)s
from unnest(
    (select %(mechanisms)b::text[]), (select %(domains)b::text[]), (select %(selectors)b::text[])
) as e (mechanism, domain, selector)
order by e.mechanism, e.domain, e.selector
on conflict (account_id, agent_email, address, mechanism, domain, selector) do update set
    count = s.count + excluded.count,
    last_at = greatest(s.last_at, excluded.last_at);
