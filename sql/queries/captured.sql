-- notices: the deployment's own mail that was written since, newest first, for the eyes of a developer
select id, message_id, content
from notices
where created_at >= %(since)s
order by created_at desc, id desc
limit %(count)s;
