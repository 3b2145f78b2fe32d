-- page: an account's contacts, newest first
-- An account has at most some thousands of them: what filters leave out is passed over, not looked for elsewhere.
select address, display_name, metadata, source, import_batch_id, etag, created_at, updated_at
from contacts
where account_id = %(account_id)s
    and (%(source)s::text is null or source = %(source)s::text)
    and (%(import_batch_id)s::text is null or import_batch_id = %(import_batch_id)s::text)
    and (%(created_after)s::timestamptz is null or created_at > %(created_after)s::timestamptz)
    and (%(created_before)s::timestamptz is null or created_at < %(created_before)s::timestamptz)
    and (created_at, address) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_address)s::text)
order by created_at desc, address desc
limit %(limit)s;

-- find: one contact
select address, display_name, metadata, source, import_batch_id, etag, created_at, updated_at
from contacts
where account_id = %(account_id)s and address = %(address)s;

-- insert: a contact, if the address has none and the account has room for one more
insert into contacts (account_id, address, display_name, metadata, source, etag)
select %(account_id)s, %(address)s, %(display_name)s, %(metadata)s::jsonb, 'manual', %(etag)s
where (
    select count(*) from (select from contacts where account_id = %(account_id)s limit %(most)s::bigint) as counted
) < %(most)s::bigint
on conflict do nothing
returning address, display_name, metadata, source, import_batch_id, etag, created_at, updated_at;

-- update: change what is given, if the contact is still the one that the caller has seen
-- Whoever comes second waits for the first and is then compared with what the first wrote.
update contacts set
    display_name = coalesce(%(display_name)s::text, display_name),
    metadata = coalesce(%(metadata)s::jsonb, metadata),
    etag = %(etag)s,
    touched = true,
    updated_at = now()
where account_id = %(account_id)s
    and address = %(address)s
    and (%(seen)s::bytea[] is null or etag = any(%(seen)s::bytea[]))
returning address, display_name, metadata, source, import_batch_id, etag, created_at, updated_at;

-- delete: a contact with its engagements; mail and suppressions stay
delete from contacts where account_id = %(account_id)s and address = %(address)s;

-- hold: keep a contact from being deleted until the transaction ends
select true from contacts where account_id = %(account_id)s and address = %(address)s for key share;

-- lock_known: hold those of the addresses that are contacts already, so that they are merged and not lost
select address
from contacts
where account_id = %(account_id)s and address = any((select %(addresses)b::text[])::text[])
order by address
for no key update;

-- survey: how many contacts the account has, and which of the addresses are not written to
select
    (select count(*) from contacts where account_id = %(account_id)s) as total,
    (
        select coalesce(array_agg(distinct s.address), '{}')
        from unnest((select array['', coalesce(%(agent_email)s::text, '')])) as lists (agent_email)
        join suppressions s on s.account_id = %(account_id)s and s.agent_email = lists.agent_email
            and s.address = any((select %(addresses)b::text[])::text[])
    ) as suppressed;

-- add_batch: remember an import, so that it can be undone
insert into contact_imports (account_id, id) values (%(account_id)s, %(batch_id)s);

-- import_rows: the new contacts of an import
insert into contacts (account_id, address, display_name, metadata, source, import_batch_id, etag)
select
    %(account_id)s, r.address, coalesce(r.display_name, ''), coalesce(r.metadata::jsonb, '{}'), 'import', %(batch_id)s,
    r.etag
from unnest(
    (select %(addresses)b::text[]), (select %(display_names)b::text[]), (select %(metadata)b::text[]), (select %(etags)b::bytea[])
) as r (address, display_name, metadata, etag)
on conflict do nothing;

-- merge_rows: bring contacts that are there up to date; what a line does not say stays, and so does a contact it says nothing new of
with rows as (
    select *
    from unnest(
        (select %(addresses)b::text[]), (select %(display_names)b::text[]), (select %(metadata)b::text[]), (select %(etags)b::bytea[])
    ) as r (address, display_name, metadata, etag)
)
update contacts c set
    display_name = coalesce(r.display_name, c.display_name),
    metadata = coalesce(r.metadata::jsonb, c.metadata),
    etag = r.etag,
    touched = true,
    updated_at = now()
from rows r
where c.account_id = %(account_id)s
    and c.address = r.address
    and (c.display_name, c.metadata)
        is distinct from (coalesce(r.display_name, c.display_name), coalesce(r.metadata::jsonb, c.metadata));

-- has_batch: whether an import was made
select true from contact_imports where account_id = %(account_id)s and id = %(batch_id)s;

-- lock_batch: hold what an import made, so that nothing is hung on it while it is looked at
select address
from contacts
where account_id = %(account_id)s and import_batch_id = %(batch_id)s
order by address
for update;

-- drop_batch: delete what an import made and nobody touched, enrolled or had mail with; how many went, and how many stay
with gone as (
    delete from contacts c
    where c.account_id = %(account_id)s
        and c.import_batch_id = %(batch_id)s
        and not c.touched
        and not exists (select from engagements e where e.account_id = c.account_id and e.address = c.address)
        and not exists (select from correspondents m where m.account_id = c.account_id and m.address = c.address)
    returning c.address
)
select
    (select count(*) from gone) as deleted,
    (
        select count(*) from contacts where account_id = %(account_id)s and import_batch_id = %(batch_id)s
    ) - (select count(*) from gone) as retained;
