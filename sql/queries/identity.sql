-- holder: the inbox that an agent's key is for, and how long the key is good
select g.email, g.assertion_version, k.expires_at as key_expires_at
from api_keys k
join agents g on g.email = k.agent_email and g.account_id = k.account_id
where k.account_id = %(account_id)s and k.id = %(key_id)s and k.revoked_at is null and g.deleted_at is null;

-- find: the inbox that an identity token is about, with what decides over its caller
select g.account_id, g.assertion_version, a.account_class
from agents g
join accounts a on a.id = g.account_id
where g.email = %(email)s and g.deleted_at is null and a.closed_at is null;
