-- fill: so many copies of one stored message of an agent, older and older, every hundredth unread
with pattern as (
    select * from messages where agent_email = %(agent)s::text order by created_at desc limit 1
)
insert into messages (
    account_id, id, agent_email, direction, method, created_at, delivered_to, header_from, to_addresses,
    subject, conversation_id, body_text, new_text, content_sha256, size_bytes, unread
)
select
    p.account_id, 'msg_' || md5(n::text || p.id), p.agent_email, 'inbound', 'smtp',
    p.created_at - n * interval '1 minute', p.delivered_to, 'sender' || (n %% 977) || '@northwind.test',
    p.to_addresses, 'Report ' || n, 'conv_' || md5(n::text), p.body_text, p.new_text, p.content_sha256,
    p.size_bytes, n %% 100 = 0
from pattern p, generate_series(1, %(count)s::int) as n
