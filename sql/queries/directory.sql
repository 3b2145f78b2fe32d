-- find: the agent that an address leads to: itself, the address without its plus-tag, or the domain's catch-all
select
    a.email,
    a.account_id,
    d.verified as domain_verified,
    coalesce(u.storage_bytes, 0) as storage_bytes,
    c.max_storage_bytes,
    a.registered_domain,
    a.protection
from agents a
join domains d on d.domain = a.registered_domain
join accounts c on c.id = a.account_id
left join account_usage u on u.account_id = a.account_id
where a.deleted_at is null
    and (
        a.email = any(%(candidates)s::text[])
        or (a.domain = %(domain)s::text and a.catch_all)
    )
order by array_position(%(candidates)s::text[], a.email) nulls last
limit 1;
