-- ensure_shared: the deployment's own domain exists, is verified, and belongs to nobody
insert into domains (domain, account_id, verified, verification_token, verified_at)
values (%(domain)s, null, true, 'e2a-verify=' || replace(gen_random_uuid()::text, '-', ''), now())
on conflict (domain) do update
    set account_id = null, verified = true, verified_at = coalesce(domains.verified_at, now())
    where domains.account_id is null
returning domain;
