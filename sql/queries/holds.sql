-- hold: a draft that waits for a person: its message, why it waits, its first revision, and the mail that asks
with adopted as (
    -- As when a mail is accepted: an answered mail that has no thread gets this one, or says which it has by now.
    update messages p
    set thread_id = coalesce(p.thread_id, %(thread_id)s)
    where %(adopts)s and p.account_id = %(account_id)s and p.id = %(thread_parent_id)s
        and p.agent_email || '' = %(agent_email)s
    returning p.thread_id
), message as (
    insert into messages (
        account_id, id, agent_email, direction, method, message_type, created_at, delivered_to, header_from,
        sender_name, to_addresses, cc_addresses, bcc_addresses, reply_to_addresses, subject, conversation_id, threaded,
        body_text, body_html, hops, review_status, review_expires_at, thread_id, thread_parent_id
    )
    values (
        %(account_id)s, %(message_id)s, %(agent_email)s, 'outbound', %(method)s, %(message_type)s, %(at)s,
        %(delivered_to)s, %(agent_email)s, %(sender_name)s, %(to)s, %(cc)s, %(bcc)s, %(reply_to)s, %(subject)s,
        %(conversation_id)s, %(threaded)s, %(text)s, %(html)s, %(hops)s, 'pending_review', %(expires_at)s,
        coalesce((select thread_id from adopted), %(thread_id)s), %(thread_parent_id)s
    )
), held as (
    insert into holds (
        account_id, message_id, agent_email, direction, reason, findings, on_expiry, scheduled_at, created_at
    )
    values (
        %(account_id)s, %(message_id)s, %(agent_email)s, 'outbound', %(reason)s, %(findings)s, %(on_expiry)s,
        %(send_at)s, %(at)s
    )
), revision as (
    insert into hold_revisions (account_id, message_id, revision, draft, sha256, editor, created_at)
    values (%(account_id)s, %(message_id)s, 1, %(draft)b, %(sha256)b, %(editor)s, %(at)s)
)
insert into notices (id, account_id, kind, message_id, recipient, content, next_attempt_at, created_at)
select %(notice_id)s, %(account_id)s, 'review', %(message_id)s, %(notice_to)s, %(notice)b, %(at)s, %(at)s
where %(notice)b::bytea is not null;
