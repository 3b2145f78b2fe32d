-- page: addresses that an agent, or no agent of the account, may write to; newest first
-- The newest stand first and an address breaks the tie. An agent that is gone keeps its list, unseen.
select s.address, s.agent_email, s.source, s.reason, s.message_id, s.created_at
from suppressions s
where s.account_id = %(account_id)s
    and s.agent_email = %(agent_email)s
    and (s.created_at, s.address) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_address)s::text)
order by s.created_at desc, s.address desc
limit %(limit)s;

-- add: suppress an address unless it is already; the first reason stays
with added as (
    insert into suppressions (account_id, agent_email, address, source, reason, message_id, created_at)
    values (
        %(account_id)s, %(agent_email)s, %(address)s, %(source)s, %(reason)s, %(message_id)s, %(at)s
    )
    on conflict do nothing
    returning address, agent_email, source, reason, message_id, created_at
)
select *, true as is_new from added
union all
select address, agent_email, source, reason, message_id, created_at, false
from suppressions
where account_id = %(account_id)s
    and agent_email = %(agent_email)s
    and address = %(address)s
    and not exists (select from added);

-- remove: let an address be written to again
delete from suppressions
where account_id = %(account_id)s and agent_email = %(agent_email)s and address = %(address)s;

-- by_token: what an unsubscribe link stands for
select account_id, agent_email, address from unsubscribe_tokens where token_sha256 = %(token_sha256)s;
