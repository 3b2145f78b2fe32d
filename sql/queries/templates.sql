-- page: an account's templates without their bodies, newest first
select id, name, alias, subject, created_at, updated_at
from templates
where account_id = %(account_id)s
  and (created_at, id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
order by created_at desc, id desc
limit %(limit)s;

-- find: one template of the account
select id, name, alias, subject, body_text, body_html, from_starter_alias, from_starter_version, created_at, updated_at
from templates
where account_id = %(account_id)s and id = %(id)s;

-- by_alias: the template of the account that has this alias
select id, name, alias, subject, body_text, body_html, from_starter_alias, from_starter_version, created_at, updated_at
from templates
where account_id = %(account_id)s and alias = %(alias)s;

-- room: hold the account while one template is added, and say how many it may have; null when it is gone
select max_templates from accounts where id = %(account_id)s for no key update;

-- insert: a template, if the account has room for one more and its alias is free
with counted as (
    select count(*) >= %(max_templates)s::bigint as is_full from templates where account_id = %(account_id)s
), added as (
    insert into templates (account_id, id, name, alias, subject, body_text, body_html, from_starter_alias,
                           from_starter_version)
    select %(account_id)s, %(id)s, %(name)s, %(alias)s, %(subject)s, %(body_text)s, %(body_html)s,
           %(from_starter_alias)s, %(from_starter_version)s
    from counted
    where not is_full
    on conflict (account_id, alias) where alias is not null do nothing
    returning id, created_at, updated_at
)
select counted.is_full, added.id, added.created_at, added.updated_at
from counted
left join added on true;

-- update: change what is given; an empty alias or HTML part is taken away
update templates set
    name = coalesce(%(name)s::text, name),
    alias = nullif(coalesce(%(alias)s::text, alias), ''),
    subject = coalesce(%(subject)s::text, subject),
    body_text = coalesce(%(body_text)s::text, body_text),
    body_html = nullif(coalesce(%(body_html)s::text, body_html), ''),
    updated_at = now()
where account_id = %(account_id)s and id = %(id)s
returning id, name, alias, subject, body_text, body_html, from_starter_alias, from_starter_version, created_at,
          updated_at;

-- delete: a template for good
delete from templates where account_id = %(account_id)s and id = %(id)s;
