-- append: rows of the ledger, with the fact they record
insert into lifecycle (account_id, id, message_id, reason_code, recipient, evidence, correlation_ids, occurred_at)
select account_id, id, message_id, reason_code, recipient, evidence::jsonb, correlation_ids::jsonb, occurred_at
from unnest(
    %(account_ids)b::text[], %(ids)b::text[], %(message_ids)b::text[], %(reason_codes)b::text[],
    %(recipients)b::text[], %(evidences)b::text[], %(correlation_ids)b::text[], %(occurred_ats)b::timestamptz[]
) as t (account_id, id, message_id, reason_code, recipient, evidence, correlation_ids, occurred_at)
on conflict do nothing;
