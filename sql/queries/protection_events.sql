-- record: what was noticed of one message; an id that is there already is the same finding
insert into protection_events (
    account_id, id, agent_email, message_id, direction, source, reason, action, detector, peer_address, scan_score,
    categories, summary, created_at
)
select
    %(account_id)s, f.id, %(agent_email)s, %(message_id)s, %(direction)s, f.source, f.reason, f.action, f.detector,
    f.peer_address, f.scan_score, f.categories, f.summary, %(at)s
from jsonb_to_recordset(%(rows)s::jsonb) as f (
    id text, source text, reason text, action text, detector text, peer_address text, scan_score real,
    categories jsonb, summary text
)
on conflict do nothing;
