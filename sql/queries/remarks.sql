-- add: what somebody told the operator of this deployment
insert into feedback (id, kind, body, reply_to, page)
values (%(id)s, %(kind)s, %(body)s, %(reply_to)s, %(page)s);
