// Made by tests/generate/typescript_schema.py from the OpenAPI document of the API; not edited by hand.

export interface paths {
    "/v1/info": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Describe the deployment
         * @description Where new addresses live and which optional parts this deployment has.
         */
        get: operations["getInfo"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the account
         * @description Who the credential belongs to, its caps and what it uses.
         */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        /**
         * Delete the account and all it owns
         * @description For good: keys stop and sockets close at once, then mail, agents, domains and everything else is deleted.
         */
        delete: operations["deleteAccount"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List API keys
         * @description Keys that work or have expired, newest first; revoked ones are gone.
         */
        get: operations["listApiKeys"];
        put?: never;
        /**
         * Create an API key
         * @description A key for the whole account, or for one inbox. The key is in this answer and nowhere else.
         */
        post: operations["createApiKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/api-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an API key
         * @description The key stops working at once.
         */
        delete: operations["deleteApiKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/connections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List programs with access
         * @description Programs that were let in by OAuth, newest first, ended ones included.
         */
        get: operations["listConnections"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/connections/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a program's access
         * @description All its tokens stop at once, in every process; 404 where it was ended before.
         */
        delete: operations["deleteConnection"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export all data of the account
         * @description One document with everything, as it was when the export began, told while it is read.
         */
        get: operations["exportAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List agents
         * @description The account's agents, newest first.
         */
        get: operations["listAgents"];
        put?: never;
        /**
         * Create an agent
         * @description An agent on the shared domain or on a verified domain of the account, ready for mail at once.
         */
        post: operations["createAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an agent
         * @description One live agent.
         */
        get: operations["getAgent"];
        put?: never;
        post?: never;
        /**
         * Delete an agent
         * @description Move an agent to the trash, or with `permanent` delete it and all its mail for good.
         */
        delete: operations["deleteAgent"];
        options?: never;
        head?: never;
        /**
         * Update an agent
         * @description Change the name, the mode, the webhook URL or the catch-all. Cloud mode needs a URL.
         */
        patch: operations["updateAgent"];
        trace?: never;
    };
    "/v1/agents/{email}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore an agent from the trash
         * @description Bring an agent back with all its mail.
         */
        post: operations["restoreAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/protection": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an agent's protection
         * @description Which mail of this agent a person sees before it passes.
         */
        get: operations["getAgentProtection"];
        /**
         * Replace an agent's protection
         * @description Replace all of an agent's protection. Mail that is held already stays held.
         */
        put: operations["putAgentProtection"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List an inbox
         * @description Unread inbound messages, newest first, unless the query says otherwise. Listing marks nothing as read.
         */
        get: operations["listMessages"];
        put?: never;
        /**
         * Send a mail
         * @description Accept a mail and send it: to agents here at once, to people through the relay.
         */
        post: operations["sendMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/messages/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a message
         * @description The whole message with freshly signed `auth_headers`. An unread one is marked as read, unless asked not to.
         */
        get: operations["getMessage"];
        put?: never;
        post?: never;
        /**
         * Move a message to the trash, or delete it for good
         * @description To the trash; again is no error. With `permanent=true` a trashed message is deleted for good.
         */
        delete: operations["deleteMessage"];
        options?: never;
        head?: never;
        /**
         * Change labels and read state
         * @description Add labels, then remove others; a label in both lists is removed. `{}` only reads.
         */
        patch: operations["updateMessage"];
        trace?: never;
    };
    "/v1/agents/{email}/messages/{id}/raw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a message's bytes
         * @description The mail as it came, as `message/rfc822`. Marks nothing as read.
         */
        get: operations["getRawMessage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/messages/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a message back from the trash
         * @description The message as it is after that; its read state is the one it had.
         */
        post: operations["restoreMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/messages/{id}/attachments/{index}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an attachment
         * @description What is known of it and a link to its bytes that works for 15 minutes without a credential.
         */
        get: operations["getAttachment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/messages/{id}/lifecycle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what happened to a message
         * @description Oldest first, of held messages too.
         */
        get: operations["getMessageLifecycle"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/messages/{id}/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Decide about recipients of unknown outcome
         * @description Where the relay had a mail and its answer was never heard, nothing is sent again until a person says so.
         */
        post: operations["resolveMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/messages/{id}/reply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Answer a mail
         * @description Answer within the conversation. Mail that a machine wrote is not answered.
         */
        post: operations["replyToMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/messages/{id}/forward": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Forward a mail
         * @description Hand a mail on with its attachments, as a conversation of its own.
         */
        post: operations["forwardMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a test mail to an agent
         * @description Let the platform write to the agent, on the way that all mail takes.
         */
        post: operations["testAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/suppressions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List suppressed addresses of the account
         * @description Addresses that bounced or complained, or that were put here by hand; newest first.
         */
        get: operations["listSuppressions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/account/suppressions/{address}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Let an address be written to again
         * @description Remove the account's block. Blocks of single agents stay.
         */
        delete: operations["deleteSuppression"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/suppressions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List suppressed addresses of an agent
         * @description Who unsubscribed from this agent, or was put here by hand; newest first.
         */
        get: operations["listAgentSuppressions"];
        put?: never;
        /**
         * Keep an agent from writing to an address
         * @description Suppress an address for this agent alone. Again changes nothing and keeps the first reason.
         */
        post: operations["createAgentSuppression"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/suppressions/{address}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Let an agent write to an address again
         * @description Remove the block of this agent. The account's stays.
         */
        delete: operations["deleteAgentSuppression"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/conversations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List conversations
         * @description By their newest message, newest first. A first contact is a conversation of one message.
         */
        get: operations["listConversations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/conversations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a conversation
         * @description The conversation with its messages, oldest first; of a very long one the newest 1000.
         */
        get: operations["getConversation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List contacts
         * @description Whom the account deals with, newest first.
         */
        get: operations["listContacts"];
        put?: never;
        /**
         * Create a contact
         * @description Add one contact. However it is written, an address is one contact: again is 409.
         */
        post: operations["createContact"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contacts/{address}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a contact
         * @description One contact, by any spelling of its address.
         */
        get: operations["getContact"];
        put?: never;
        post?: never;
        /**
         * Delete a contact
         * @description Remove a contact and all outreach to it. Suppressions stay: nobody becomes writable by being forgotten.
         */
        delete: operations["deleteContact"];
        options?: never;
        head?: never;
        /**
         * Update a contact
         * @description Change name or metadata; what is left out stays. The address and where it came from never change.
         */
        patch: operations["updateContact"];
        trace?: never;
    };
    "/v1/contacts/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Import contacts
         * @description Add and update up to 1000 contacts; each line has its own outcome. Sends nothing.
         */
        post: operations["importContacts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/contacts/imports/{batch_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Undo an import
         * @description Remove what an import made and nobody has changed, enrolled or had mail with since; the rest stays.
         */
        delete: operations["deleteImportBatch"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/contacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List an agent's outreach
         * @description The contacts that an agent works, newest first, with what went and what came.
         */
        get: operations["listEngagements"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/contacts/{address}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get one outreach record
         * @description How the agent stands with one contact. The ETag names what callers wrote, not what mail did.
         */
        get: operations["getEngagement"];
        /**
         * Enrol a contact, or update its outreach
         * @description Write stage, schedule and metadata; what is left out stays. Makes the contact where there is none.
         */
        put: operations["upsertEngagement"];
        post?: never;
        /**
         * Take a contact out of an agent's outreach
         * @description Forget stage and schedule. The contact stays, and so do suppressions: this is nobody's consent.
         */
        delete: operations["deleteEngagement"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reviews": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List mail that waits for review
         * @description All open holds of the account, both directions, newest first. Those of trashed agents are left out.
         */
        get: operations["listReviews"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reviews/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a review
         * @description A message with all that a decision needs: the whole draft, why it is held, and what was noticed.
         */
        get: operations["getReview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change a held draft
         * @description Change a held draft without deciding: a new revision, which earlier links and hashes are not about.
         */
        patch: operations["editReview"];
        trace?: never;
    };
    "/v1/reviews/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approve a held mail
         * @description Let a held mail go, as it is or changed: a draft is sent, received mail is shown and announced to its agent.
         */
        post: operations["approveReview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reviews/{id}/reject": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Reject a held mail
         * @description Keep a held mail back for good: a draft is never sent, received mail never shown.
         */
        post: operations["rejectReview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/domains": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List domains
         * @description The account's domains, newest first.
         */
        get: operations["listDomains"];
        put?: never;
        /**
         * Register a domain
         * @description Claim a name: the answer tells which records to publish. The same name again is the same claim.
         */
        post: operations["registerDomain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/domains/{domain}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a domain
         * @description One domain with its records, as they were last seen.
         */
        get: operations["getDomain"];
        put?: never;
        post?: never;
        /**
         * Delete a domain
         * @description Give a name up, with its keys. Anybody may claim it then.
         */
        delete: operations["deleteDomain"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/domains/{domain}/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Verify a domain
         * @description Look at the DNS now. The domain is verified once its TXT proof and its MX are there.
         */
        post: operations["verifyDomain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/domains/{domain}/rotate-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate a domain's DKIM keys
         * @description Make new keys. They sign once their records are seen; the old ones stay published for a week after that.
         */
        post: operations["rotateDomainKeys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/templates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List templates
         * @description The account's templates without their bodies, newest first.
         */
        get: operations["listTemplates"];
        put?: never;
        /**
         * Create a template
         * @description Store a template, written out or copied from a starter. Sends refer to it by id or alias.
         */
        post: operations["createTemplate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/templates/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try template sources without storing them
         * @description Tell whether each part can be read and how it looks with `test_data`, and suggest data for its variables.
         */
        post: operations["validateTemplate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/templates/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a template
         * @description One template, with its sources.
         */
        get: operations["getTemplate"];
        put?: never;
        post?: never;
        /**
         * Delete a template
         * @description Remove a template for good; mails that it made stay.
         */
        delete: operations["deleteTemplate"];
        options?: never;
        head?: never;
        /**
         * Update a template
         * @description Change a template; mails that it made already stay as they are.
         */
        patch: operations["updateTemplate"];
        trace?: never;
    };
    "/v1/starter-templates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List starter templates
         * @description Templates to start from, by alias.
         */
        get: operations["listStarterTemplates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/starter-templates/{alias}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a starter template
         * @description One starter, with its sources: copy it with `from_starter`, then edit the copy.
         */
        get: operations["getStarterTemplate"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List webhooks
         * @description The account's webhooks, newest first.
         */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Create a webhook
         * @description Subscribe a URL to events. The secret that signs deliveries is in this answer and nowhere else.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a webhook
         * @description One webhook, without its secret.
         */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /**
         * Delete a webhook
         * @description Remove a webhook for good; deliveries that still wait are given up.
         */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /**
         * Update a webhook
         * @description Change a webhook; switching it on again clears an automatic stop.
         */
        patch: operations["updateWebhook"];
        trace?: never;
    };
    "/v1/webhooks/{id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate a webhook's secret
         * @description A new secret; the old one signs beside it for 24 hours, so that receivers can change over.
         */
        post: operations["rotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a test delivery
         * @description Enqueue one delivery that belongs to no event, with the usual retries.
         */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List a webhook's deliveries
         * @description What was and will be sent to a webhook, newest first.
         */
        get: operations["listWebhookDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/agents/{email}/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what became of an agent's messages
         * @description Counts of messages created in the window, whenever the rest of their story happened.
         */
        get: operations["getAgentMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get what became of the account's messages
         * @description The same for all agents together, with what became of webhook deliveries in the window.
         */
        get: operations["getAccountMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List events
         * @description What happened in the last 30 days, newest first, with the state of its deliveries.
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an event
         * @description One event of the last 30 days.
         */
        get: operations["getEvent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/{id}/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send an event again
         * @description Deliver an event once more, under its own id, to one webhook or to all that it matched.
         */
        post: operations["redeliverEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * APIKeyExportEntry
         * @description What is known of a key; the key itself is stored nowhere.
         */
        APIKeyExportEntry: {
            id: string;
            name: string;
            key_prefix: string;
            scope: string;
            /** Format: date-time */
            created_at: string;
            agent_email?: string;
            /** Format: date-time */
            last_used_at?: string;
            /** Format: date-time */
            expires_at?: string;
            /** Format: date-time */
            revoked_at?: string;
        };
        /**
         * APIKeyView
         * @description An API key; the key itself is shown once, when it is made.
         */
        APIKeyView: {
            id: string;
            name: string;
            key_prefix: string;
            scope: string;
            /** Format: date-time */
            created_at: string;
            agent_email?: string;
            /** Format: date-time */
            expires_at?: string;
            /** Format: date-time */
            last_used_at?: string;
        };
        /**
         * ARCResult
         * @description What an intermediary claims to have seen; evidence for a person, no part of any verdict.
         */
        ARCResult: {
            /** @enum {unknown} */
            status: "fail" | "none" | "pass" | "temperror";
            domain: string | null;
            detail?: string;
        };
        /**
         * AccountMetricsView
         * @description All agents of the account.
         */
        AccountMetricsView: {
            /** Format: date-time */
            start: string;
            /** Format: date-time */
            end: string;
            messages_in_window: number;
            messages_with_lifecycle: number;
            reconstructed_observations: number;
            summary: components["schemas"]["MetricsSummaryView"];
            rates: components["schemas"]["MetricsRatesView"];
            counters: components["schemas"]["MetricsCounterView"][];
            agents: components["schemas"]["AgentMetricsGroupView"][];
            agents_truncated: boolean;
            buckets: components["schemas"]["MetricsBucketView"][];
            webhooks: components["schemas"]["WebhookMetricsView"];
        };
        /**
         * AccountUserView
         * @description The owner.
         */
        AccountUserView: {
            id: string;
            email: string;
        };
        /**
         * AccountView
         * @description The account behind the credential.
         */
        AccountView: {
            user: components["schemas"]["AccountUserView"];
            scope: string;
            plan_code: string;
            limits: components["schemas"]["LimitsCapsView"];
            usage: components["schemas"]["LimitsUsageView"];
            upgrade_url: string;
            agent_email?: string;
        };
        /**
         * AgentIdentity
         * @description An agent, live or in the trash, with what its owner wants to be asked about.
         */
        AgentIdentity: {
            domain: string;
            registered_domain: string;
            email: string;
            name: string;
            domain_verified: boolean;
            public: boolean;
            /** Format: date-time */
            created_at: string;
            user_id: string;
            agent_mode: string;
            webhook_url: string;
            catch_all: boolean;
            ttl_seconds: number;
            on_expiry: string;
            suppress_notifications: boolean;
            inbound_7d: number;
            outbound_7d: number;
            pending_count: number;
            inbound_policy: string;
            inbound_policy_action: string;
            outbound_policy: string;
            outbound_policy_action: string;
            inbound_scan: string;
            inbound_scan_review_threshold: number;
            inbound_scan_block_threshold: number;
            outbound_scan: string;
            outbound_scan_review_threshold: number;
            outbound_scan_block_threshold: number;
            inbound_scan_sensitivity: string;
            outbound_scan_sensitivity: string;
            inbound_allowlist: string[];
            outbound_allowlist: string[];
            protection: Record<string, unknown>;
            /** Format: date-time */
            deleted_at?: string;
            /** Format: date-time */
            last_delivery_at?: string;
        };
        /**
         * AgentMetricsGroupView
         * @description One agent among those of the account.
         */
        AgentMetricsGroupView: {
            agent_email: string;
            messages_in_window: number;
            messages_with_lifecycle: number;
            reconstructed_observations: number;
            summary: components["schemas"]["MetricsSummaryView"];
            rates: components["schemas"]["MetricsRatesView"];
            counters: components["schemas"]["MetricsCounterView"][];
        };
        /**
         * AgentMetricsView
         * @description One agent. `reconstructed_observations`: acceptance and authentication of mail in, which follow from it.
         */
        AgentMetricsView: {
            agent_email: string;
            /** Format: date-time */
            start: string;
            /** Format: date-time */
            end: string;
            messages_in_window: number;
            messages_with_lifecycle: number;
            reconstructed_observations: number;
            summary: components["schemas"]["MetricsSummaryView"];
            rates: components["schemas"]["MetricsRatesView"];
            counters: components["schemas"]["MetricsCounterView"][];
        };
        /**
         * AgentSuppressionView
         * @description An address that one agent does not write to.
         */
        AgentSuppressionView: {
            agent_email: string;
            address: string;
            source: string;
            /** Format: date-time */
            created_at: string;
            reason?: string;
        };
        /**
         * AgentView
         * @description An agent. `registered_domain` is the domain row that authorises its address.
         */
        AgentView: {
            domain: string;
            registered_domain: string;
            email: string;
            name: string;
            domain_verified: boolean;
            /** Format: date-time */
            created_at: string;
            agent_mode: string;
            webhook_url: string;
            catch_all: boolean;
            /** Format: date-time */
            deleted_at?: string;
        };
        /**
         * ApproveRequest
         * @description What to change on the way; nothing to let it go as it is. Of received mail nothing can be changed.
         */
        ApproveRequest: {
            to?: string[];
            cc?: string[];
            bcc?: string[];
            subject?: string;
            text?: string;
            html?: string;
            attachments?: components["schemas"]["Attachment"][];
            /** @description content_sha256 of the review that was read: if the draft was changed since, nothing is decided */
            content_sha256?: string;
        };
        /**
         * Attachment
         * @description A file.
         */
        Attachment: {
            filename: string;
            content_type: string;
            /** @description base64, at most 10 MiB decoded */
            data: string;
        };
        /**
         * AttachmentMetaView
         * @description One attachment, without its bytes.
         */
        AttachmentMetaView: {
            index: number;
            size_bytes: number;
            filename?: string;
            content_type?: string;
            content_id?: string;
        };
        /**
         * AttachmentView
         * @description One attachment and where to get its bytes.
         */
        AttachmentView: {
            index: number;
            size_bytes: number;
            download_url: string;
            /** Format: date-time */
            expires_at: string;
            filename?: string;
            content_type?: string;
            content_id?: string;
            data?: string;
        };
        /**
         * AuditExportEntry
         * @description A row of the audit log. `evidence` is a JSON text, which the digest is made of as it stands there.
         */
        AuditExportEntry: {
            number: number;
            /** Format: date-time */
            at: string;
            actor_kind: string;
            actor: string;
            action: string;
            subject: string;
            evidence: string;
            previous: string;
            digest: string;
        };
        /**
         * Authentication
         * @description The evidence about the sender.
         */
        Authentication: {
            spf: components["schemas"]["SPFResult"];
            dkim: components["schemas"]["DKIMResult"][];
            dmarc: components["schemas"]["DMARCResult"];
            arc?: components["schemas"]["ARCResult"];
        };
        /**
         * ConnectionView
         * @description A program that was let in. `agent_email` is empty for the whole account.
         */
        ConnectionView: {
            id: string;
            client_id: string;
            client_name: string;
            agent_email: string;
            scope: string;
            /** Format: date-time */
            issued_at: string;
            /** Format: date-time */
            expires_at?: string;
            /** Format: date-time */
            revoked_at?: string;
        };
        /**
         * ContactEngagementView
         * @description How an agent stands with a contact: what callers wrote, and what mail and suppression say.
         */
        ContactEngagementView: {
            address: string;
            agent_email: string;
            contact: components["schemas"]["EmbeddedContactView"];
            stage: string;
            metadata: Record<string, unknown>;
            replied: boolean;
            suppressed: boolean;
            inbound_count: number;
            outbound_count: number;
            /** Format: date-time */
            next_action_at: string | null;
            /** Format: date-time */
            first_outbound_at: string | null;
            /** Format: date-time */
            last_outbound_at: string | null;
            /** Format: date-time */
            last_inbound_at: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            last_conversation_id?: string;
            suppression_source?: string;
            suppression_reason?: string;
        };
        /**
         * ContactExportEntry
         * @description Whom the account deals with.
         */
        ContactExportEntry: {
            address: string;
            display_name: string;
            metadata: Record<string, unknown>;
            source: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            import_batch_id?: string;
        };
        /**
         * ContactImportItemResult
         * @description What became of one line: created, updated, skipped or failed.
         */
        ContactImportItemResult: {
            index: number;
            status: string;
            enrolled: boolean;
            suppressed: boolean;
            address?: string;
            code?: string;
            message?: string;
        };
        /**
         * ContactImportResult
         * @description An import, line by line.
         */
        ContactImportResult: {
            batch_id: string;
            created: number;
            updated: number;
            skipped: number;
            failed: number;
            results: components["schemas"]["ContactImportItemResult"][];
        };
        /**
         * ContactImportRow
         * @description One line of an import. What breaks a rule fails this line alone.
         */
        ContactImportRow: {
            address: string;
            /** @description left out: what is there stays */
            display_name?: string;
            /** @description flat: at most 50 keys of at most 128 bytes, strings of at most 4096 bytes, numbers, booleans and nulls, 16384 bytes as JSON; replaced as a whole */
            metadata?: Record<string, unknown>;
        };
        /**
         * ContactView
         * @description Somebody the account deals with.
         */
        ContactView: {
            address: string;
            display_name: string;
            metadata: Record<string, unknown>;
            source: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            import_batch_id?: string;
        };
        /**
         * ConversationDetailView
         * @description A conversation with its messages, oldest first.
         */
        ConversationDetailView: {
            id: string;
            /** Format: date-time */
            last_message_at: string;
            /** Format: date-time */
            first_message_at: string;
            message_count: number;
            inbound_count: number;
            outbound_count: number;
            has_unread: boolean;
            latest_subject: string;
            latest_from: string;
            participants: string[];
            labels: string[];
            messages: components["schemas"]["MessageSummaryView"][];
        };
        /**
         * ConversationSummaryView
         * @description A conversation in a list.
         */
        ConversationSummaryView: {
            id: string;
            /** Format: date-time */
            last_message_at: string;
            /** Format: date-time */
            first_message_at: string;
            message_count: number;
            inbound_count: number;
            outbound_count: number;
            has_unread: boolean;
            latest_subject: string;
            latest_from: string;
        };
        /**
         * CorrespondentExportEntry
         * @description What one agent has seen of an address: mail in, mail in with a DMARC pass, mail out.
         */
        CorrespondentExportEntry: {
            agent_email: string;
            address: string;
            inbound_count: number;
            verified_count: number;
            outbound_count: number;
            /** Format: date-time */
            first_inbound_at?: string;
            /** Format: date-time */
            last_inbound_at?: string;
            /** Format: date-time */
            first_outbound_at?: string;
            /** Format: date-time */
            last_outbound_at?: string;
            last_conversation_id?: string;
        };
        /**
         * CreateAPIKeyRequest
         * @description A new key. An agent key is bound to one inbox.
         */
        CreateAPIKeyRequest: {
            /** @default  */
            name?: string;
            /**
             * @default account
             * @enum {unknown}
             */
            scope?: "account" | "agent";
            agent_email?: string;
            /** Format: date-time */
            expires_at?: string;
        };
        /**
         * CreateAPIKeyResponse
         * @description The new key, shown this once.
         */
        CreateAPIKeyResponse: {
            key: string;
            id: string;
            name: string;
            key_prefix: string;
            scope: string;
            /** Format: date-time */
            created_at: string;
            agent_email?: string;
            /** Format: date-time */
            expires_at?: string;
            /** Format: date-time */
            last_used_at?: string;
        };
        /**
         * CreateAgentRequest
         * @description A new agent, by its whole address or by a slug on the shared domain.
         */
        CreateAgentRequest: {
            email?: string;
            slug?: string;
            /**
             * @description display label
             * @default
             */
            name?: string;
            /**
             * @description cloud: mail is also posted to webhook_url; local: it is fetched or pushed over the WebSocket
             * @default local
             * @enum {unknown}
             */
            agent_mode?: "cloud" | "local";
            /**
             * @description where mail of a cloud agent is posted; https
             * @default
             */
            webhook_url?: string;
            /** @default false */
            catch_all?: boolean;
        };
        /**
         * CreateAgentSuppressionRequest
         * @description An address to be written to no more.
         */
        CreateAgentSuppressionRequest: {
            /** @description a bare address */
            address: string;
            /** @description kept from the first time */
            reason?: string;
        };
        /**
         * CreateContactRequest
         * @description A contact to be.
         */
        CreateContactRequest: {
            /** @description bare, or with a display name */
            address: string;
            display_name?: string;
            /** @description flat: at most 50 keys of at most 128 bytes, strings of at most 4096 bytes, numbers, booleans and nulls, 16384 bytes as JSON; replaced as a whole */
            metadata?: Record<string, unknown>;
        };
        /**
         * CreateTemplateRequest
         * @description A template: name, subject and text, or a starter to copy.
         */
        CreateTemplateRequest: {
            /** @description at most 200 bytes */
            name?: string;
            /** @description at most 256 KiB; {{path}} is filled in */
            subject?: string;
            /** @description at most 256 KiB; {{path}} is filled in */
            text?: string;
            /** @description at most 256 KiB; {{path}} is filled in escaped, {{{path}}} as it is */
            html?: string;
            /** @description a name of your own for sends: a letter, then up to 127 of A-Z a-z 0-9 . _ - */
            alias?: string;
            /** @description alias of a starter to copy; excludes subject, text and html */
            from_starter?: string;
        };
        /**
         * CreateWebhookRequest
         * @description A new webhook.
         */
        CreateWebhookRequest: {
            /** @description https, a public host name, at most 2048 characters */
            url: string;
            events: ("agent.suppression_added" | "contact.due" | "domain.sending_failed" | "domain.sending_verified" | "domain.suppression_added" | "email.blocked" | "email.bounced" | "email.complained" | "email.delivered" | "email.failed" | "email.flagged" | "email.received" | "email.review_approved" | "email.review_rejected" | "email.review_requested" | "email.sent")[];
            /**
             * @description at most 200 characters, no line breaks
             * @default
             */
            description?: string;
            filters?: components["schemas"]["WebhookFiltersRequest"];
        };
        /**
         * CreateWebhookResponse
         * @description The new webhook with its secret, shown this once.
         */
        CreateWebhookResponse: {
            signing_secret: string;
            id: string;
            url: string;
            description: string;
            events: string[];
            filters: components["schemas"]["WebhookFiltersView"];
            enabled: boolean;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            auto_disabled_at?: string;
            auto_disabled_reason?: string;
            /** Format: date-time */
            last_delivered_at?: string;
        };
        /**
         * DKIMResult
         * @description The verdict on one signature.
         */
        DKIMResult: {
            /** @enum {unknown} */
            status: "fail" | "neutral" | "none" | "pass" | "permerror" | "policy" | "temperror";
            domain: string | null;
            selector: string | null;
            aligned: boolean | null;
            detail?: string;
        };
        /**
         * DMARCResult
         * @description The DMARC verdict for the From domain.
         */
        DMARCResult: {
            /** @enum {unknown} */
            status: "fail" | "none" | "pass" | "permerror" | "temperror";
            domain: string | null;
            policy: ("none" | "quarantine" | "reject") | null;
            aligned_by: ("dkim" | "spf")[];
            detail?: string;
        };
        /**
         * DNSRecord
         * @description A record to publish. `status` is of the last look, `seen` the values that stood in its place then.
         */
        DNSRecord: {
            /** @description MX or TXT */
            type: string;
            name: string;
            value: string;
            priority: number | null;
            purpose: string;
            /** @description verified, pending, missing or failed */
            status: string;
            /** @description what the last look at the DNS found; beta */
            seen: string[];
        };
        /**
         * DeleteAgentResult
         * @description The agent that is gone. `messages_deleted` is 0 for the trash, which keeps them.
         */
        DeleteAgentResult: {
            deleted: boolean;
            email: string;
            messages_deleted: number;
        };
        /**
         * DeleteApiKeyResult
         * @description The key that is revoked.
         */
        DeleteApiKeyResult: {
            deleted: boolean;
            id: string;
        };
        /**
         * DeleteConnectionResult
         * @description The connection that is ended.
         */
        DeleteConnectionResult: {
            deleted: boolean;
            id: string;
        };
        /**
         * DeleteContactResult
         * @description The contact is gone.
         */
        DeleteContactResult: {
            deleted: boolean;
            address: string;
        };
        /**
         * DeleteDomainResult
         * @description The domain that is gone. Nothing outside was set up for it, so its sending is over at once.
         */
        DeleteDomainResult: {
            deleted: boolean;
            domain: string;
            /** @default confirmed */
            sending_teardown?: string;
        };
        /**
         * DeleteEngagementResult
         * @description The agent has no outreach to the address any more.
         */
        DeleteEngagementResult: {
            deleted: boolean;
            address: string;
        };
        /**
         * DeleteImportBatchResult
         * @description An import is undone as far as nobody had used it.
         */
        DeleteImportBatchResult: {
            deleted: boolean;
            batch_id: string;
            contacts_deleted: number;
            contacts_retained: number;
            engagements_deleted: number;
        };
        /**
         * DeleteMessageResult
         * @description The message is in the trash, or gone.
         */
        DeleteMessageResult: {
            deleted: boolean;
            id: string;
        };
        /**
         * DeleteSuppressionResult
         * @description The address may be written to again.
         */
        DeleteSuppressionResult: {
            deleted: boolean;
            address: string;
        };
        /**
         * DeleteTemplateResult
         * @description The template is gone.
         */
        DeleteTemplateResult: {
            deleted: boolean;
            id: string;
        };
        /**
         * DeleteUserDataResult
         * @description The account is gone; how many rows of what it had are too.
         */
        DeleteUserDataResult: {
            deleted: boolean;
            user_deleted: boolean;
            messages_deleted: number;
            agents_deleted: number;
            domains_deleted: number;
            api_keys_deleted: number;
            sessions_deleted: number;
            agent_suppressions_deleted: number;
            agent_unsubscribe_tokens_deleted: number;
            usage_events_deleted: number;
            usage_summaries_deleted: number;
            oauth_access_tokens_deleted: number;
            oauth_auth_codes_deleted: number;
            oauth_refresh_tokens_deleted: number;
            suppressions_deleted: number;
            templates_deleted: number;
            webhooks_deleted: number;
            events_deleted: number;
            deliveries_deleted: number;
            contacts_deleted: number;
            protection_events_deleted: number;
        };
        /**
         * DeleteWebhookResult
         * @description The webhook that is gone.
         */
        DeleteWebhookResult: {
            deleted: boolean;
            id: string;
        };
        /**
         * DeliveryExportEntry
         * @description An event on its way to an endpoint: a webhook's id, or an agent's address for its own URL.
         */
        DeliveryExportEntry: {
            id: string;
            endpoint: string;
            kind: string;
            event_type: string;
            status: string;
            attempts: number;
            /** Format: date-time */
            created_at: string;
            event_id?: string;
            message_id?: string;
            /** Format: date-time */
            last_attempt_at?: string;
            last_status_code?: number;
            last_error?: string;
        };
        /**
         * DeliveryStatusJSON
         * @description How far an event's deliveries are, one for each webhook that matched.
         */
        DeliveryStatusJSON: {
            matched_webhooks: number;
            delivered: number;
            pending: number;
            failed: number;
        };
        /**
         * DeploymentInfoView
         * @description The deployment, for clients that have no credential yet.
         */
        DeploymentInfoView: {
            version: string;
            shared_domain: string;
            slug_registration_enabled: boolean;
            features: components["schemas"]["FeaturesView"];
            public_url?: string;
        };
        /**
         * Domain
         * @description A domain of the account.
         */
        Domain: {
            domain: string;
            verified: boolean;
            verification_token: string;
            /** Format: date-time */
            created_at: string;
            primary: boolean;
            agent_count: number;
            sending_status: string;
            user_id: string;
            dkim_public_key?: string;
            dkim_selector?: string;
            /** Format: date-time */
            last_checked_at?: string;
            sending_error?: string;
            /** Format: date-time */
            sending_last_checked_at?: string;
            /** Format: date-time */
            verified_at?: string;
        };
        /**
         * DomainCapabilities
         * @description What the domain can do: `inbound` is verified or pending, `outbound` restates `sending_status`.
         */
        DomainCapabilities: {
            inbound: string;
            outbound: string;
        };
        /**
         * DomainView
         * @description A domain of the account.
         */
        DomainView: {
            domain: string;
            verified: boolean;
            verification_token: string;
            dns_records: components["schemas"]["DNSRecord"][];
            /** Format: date-time */
            created_at: string;
            agent_count: number;
            /** @description none, pending, verified or failed */
            sending_status: string;
            sending_ramp: components["schemas"]["SendingRampView"];
            capabilities: components["schemas"]["DomainCapabilities"];
            /** Format: date-time */
            verified_at?: string;
            /** Format: date-time */
            last_checked_at?: string;
            sending_error?: string;
            /** Format: date-time */
            sending_last_checked_at?: string;
            /** Format: date-time */
            claim_expires_at?: string;
            /** Format: date-time */
            failing_since?: string;
        };
        /**
         * EditResultView
         * @description A draft that was changed and waits on.
         */
        EditResultView: {
            message_id: string;
            status: string;
            revision: number;
            content_sha256: string;
        };
        /**
         * EmbeddedContactView
         * @description Who it is, for those who may not read the account's contacts.
         */
        EmbeddedContactView: {
            address: string;
            display_name: string;
            metadata: Record<string, unknown>;
        };
        /**
         * EngagementExportEntry
         * @description How one agent stands with a contact.
         */
        EngagementExportEntry: {
            agent_email: string;
            address: string;
            stage: string;
            metadata: Record<string, unknown>;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            /** Format: date-time */
            next_action_at?: string;
            import_batch_id?: string;
        };
        /**
         * ErrorBody
         * @description What went wrong: branch on `code`, show `message`.
         */
        ErrorBody: {
            code: string;
            message: string;
            request_id: string;
            details?: Record<string, unknown>;
        };
        /**
         * ErrorEnvelope
         * @description The body of every answer that is not a success.
         */
        ErrorEnvelope: {
            error: components["schemas"]["ErrorBody"];
        };
        /**
         * EventView
         * @description The event's envelope and what it is about.
         */
        EventView: {
            id: string;
            type: string;
            schema_version: string;
            /** Format: date-time */
            created_at: string;
            status: string;
            data: Record<string, unknown>;
            agent_email?: string;
            conversation_id?: string;
            delivery_status?: components["schemas"]["DeliveryStatusJSON"];
            message_id?: string;
        };
        /**
         * FeaturesView
         * @description Which optional parts are switched on.
         */
        FeaturesView: {
            outbox: boolean;
            screening: boolean;
            dashboard: boolean;
            mcp: boolean;
        };
        /**
         * FieldError
         * @description One problem of a request.
         */
        FieldError: {
            location: string;
            message: string;
        };
        /**
         * ForwardRequest
         * @description A mail handed on; its attachments go along.
         */
        ForwardRequest: {
            to: string[];
            /** @description a note above the mail, which may be empty */
            text: string;
            html?: string;
            cc?: string[];
            bcc?: string[];
            attachments?: components["schemas"]["Attachment"][];
            /** @description where answers go: one address, or up to five; the agent's own if absent */
            reply_to?: string | string[];
            /** @description the conversation to continue; absent: a new one */
            conversation_id?: string;
            /**
             * Format: date-time
             * @description not before this time, within 90 days; absent or past: now
             */
            send_at?: string;
            unsubscribe?: components["schemas"]["UnsubscribeOptions"];
        };
        /**
         * HighlightView
         * @description A piece of plain text in which a search has hits: `ranges` are their first character and the one behind.
         */
        HighlightView: {
            /** @enum {unknown} */
            field: "attachment" | "from" | "subject" | "text";
            text: string;
            ranges: number[][];
        };
        /**
         * HoldReasonView
         * @description Why a mail is held.
         */
        HoldReasonView: {
            type: string;
            code: string;
            summary: string;
            detail?: string;
            category?: string;
            confidence?: number;
        };
        /**
         * IdentityExportEntry
         * @description Somebody at an OpenID provider who signs in to the account.
         */
        IdentityExportEntry: {
            issuer: string;
            subject: string;
            email: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            last_used_at: string;
        };
        /**
         * ImportContactsRequest
         * @description Contacts by the thousand, and whom to enrol them with.
         */
        ImportContactsRequest: {
            contacts: components["schemas"]["ContactImportRow"][];
            /**
             * @default merge
             * @enum {unknown}
             */
            on_conflict?: "merge" | "skip";
            agent_email?: string;
            /** @description your own word, never interpreted */
            stage?: string;
        };
        /**
         * LimitExceededDetails
         * @description `details` of limit_exceeded.
         */
        LimitExceededDetails: {
            resource: string;
            limit: number;
            current: number;
            plan_code?: string;
            upgrade_url?: string;
        };
        /**
         * LimitsCapsView
         * @description What the account may have.
         */
        LimitsCapsView: {
            max_agents: number;
            max_domains: number;
            max_messages_month: number;
            max_storage_bytes: number;
        };
        /**
         * LimitsUsageView
         * @description What the account has.
         */
        LimitsUsageView: {
            agents: number;
            domains: number;
            messages_month: number;
            storage_bytes: number;
        };
        /**
         * Message
         * @description A message with its bytes, its attachments inside them. A held draft has none of either.
         */
        Message: {
            id: string;
            agent_email: string;
            direction: string;
            header_from: string | null;
            envelope_from: string | null;
            verified_domain: string | null;
            authentication: components["schemas"]["Authentication"] | null;
            delivered_to: string;
            subject: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string | null;
            to: string[];
            cc: string[];
            bcc: string[];
            reply_to: string[];
            attachments: components["schemas"]["AttachmentMetaView"][];
            labels: string[];
            flagged: boolean;
            read_status: string;
            method: string;
            size_bytes: number;
            sender_name: string;
            conversation_id: string;
            text: string;
            html?: string;
            /** Format: date-time */
            approval_expires_at?: string;
            /** Format: date-time */
            deleted_at?: string;
            delivery_detail?: string;
            delivery_status?: string;
            edited?: boolean;
            email_message_id?: string;
            flag_reason?: string;
            provider_message_id?: string;
            rejection_reason?: string;
            review_reason?: string;
            /** Format: date-time */
            reviewed_at?: string;
            scan_action?: string;
            scan_score?: number;
            /** Format: date-time */
            scheduled_at?: string;
            sent_as?: string;
            status?: string;
            type?: string;
            raw_message?: string;
        };
        /**
         * MessageLifecycleTransition
         * @description One fact. `reconstructed`: it was not written down but follows from the message.
         */
        MessageLifecycleTransition: {
            id: string;
            message_id: string;
            /** @enum {unknown} */
            direction: "inbound" | "outbound";
            stage: string;
            outcome: string;
            reason_code: string;
            retryable: boolean;
            evidence: Record<string, unknown>;
            correlation_ids: {
                [key: string]: string;
            };
            /** Format: date-time */
            occurred_at: string;
            reconstructed: boolean;
            recipient: string | null;
        };
        /**
         * MessageParsedView
         * @description The bodies: `text` is what is new in the message, without the history it quotes.
         */
        MessageParsedView: {
            text: string;
            truncated: boolean;
            html?: string;
        };
        /**
         * MessageSummaryView
         * @description A message in a list.
         */
        MessageSummaryView: {
            id: string;
            /** @enum {unknown} */
            direction: "inbound" | "outbound";
            header_from: string | null;
            envelope_from: string | null;
            verified_domain: string | null;
            to: string[];
            delivered_to: string;
            subject: string;
            read_status: string;
            labels: string[];
            /** Format: date-time */
            created_at: string;
            cc?: string[];
            reply_to?: string[];
            conversation_id?: string;
            thread_id?: string;
            size_bytes?: number;
            /** Format: date-time */
            deleted_at?: string;
            review_status?: string;
            flagged?: boolean;
            flag_reason?: string;
            sender_continuity?: components["schemas"]["SenderContinuityView"];
            delivery_status?: string;
            delivery_detail?: string;
            sent_as?: string;
            /** Format: date-time */
            scheduled_at?: string;
            webhook_status?: string;
            webhook_error?: string;
            highlights?: components["schemas"]["HighlightView"][];
        };
        /**
         * MessageView
         * @description A message, whole.
         *
         *         `auth_headers` is an addition: the `X-E2A-Auth-*` set for this reading. So are `sender_name`,
         *         the name beside the From address, `automation`, present when a machine wrote the mail, `sender_continuity`, and
         *         `method`, how mail out leaves.
         */
        MessageView: {
            id: string;
            /** @enum {unknown} */
            direction: "inbound" | "outbound";
            header_from: string | null;
            envelope_from: string | null;
            verified_domain: string | null;
            authentication: components["schemas"]["Authentication"] | null;
            to: string[];
            cc: string[];
            reply_to: string[];
            delivered_to: string;
            subject: string;
            conversation_id: string;
            read_status: string;
            labels: string[];
            /** Format: date-time */
            created_at: string;
            raw_message: string | null;
            attachments: components["schemas"]["AttachmentMetaView"][];
            parsed?: components["schemas"]["MessageParsedView"];
            auth_headers?: {
                [key: string]: string;
            };
            sender_name?: string;
            automation?: string;
            method?: string;
            size_bytes?: number;
            /** Format: date-time */
            deleted_at?: string;
            review_status?: string;
            flagged?: boolean;
            flag_reason?: string;
            sender_continuity?: components["schemas"]["SenderContinuityView"];
            delivery_status?: string;
            delivery_detail?: string;
            sent_as?: string;
            body?: Record<string, unknown>;
            hold_reason?: Record<string, unknown>;
            protection?: Record<string, unknown>[];
            webhook_status?: string;
            webhook_error?: string;
            agent_email?: string;
            bcc?: string[];
            /** Format: date-time */
            approval_expires_at?: string;
            /** Format: date-time */
            scheduled_at?: string;
            thread_id?: string;
            revision?: number;
            content_sha256?: string;
            edited?: boolean;
        };
        /**
         * MetricsBucketView
         * @description One UTC day; a day without mail is there too.
         */
        MetricsBucketView: {
            /** Format: date-time */
            day: string;
            summary: components["schemas"]["MetricsSummaryView"];
            rates: components["schemas"]["MetricsRatesView"];
        };
        /**
         * MetricsCounterView
         * @description One reason code: messages that have it, and how often it was observed.
         */
        MetricsCounterView: {
            reason_code: string;
            stage: string;
            outcome: string;
            retryable: boolean;
            messages: number;
            observations: number;
        };
        /**
         * MetricsRatesView
         * @description Shares of mail that was to leave; null where there was none.
         */
        MetricsRatesView: {
            delivered_rate: number | null;
            bounce_rate: number | null;
            complaint_rate: number | null;
            suppression_block_rate: number | null;
        };
        /**
         * MetricsSummaryView
         * @description Messages, each counted once in each member. `loopback` never left this deployment.
         */
        MetricsSummaryView: {
            accepted: number;
            submitted: number;
            delivered: number;
            bounced_hard: number;
            bounced_soft: number;
            bounced_undetermined: number;
            complained: number;
            suppressed: number;
            send_failed: number;
            loopback: number;
            received: number;
            dmarc_pass: number;
            dmarc_fail: number;
            dmarc_none: number;
            dmarc_error: number;
            review_held: number;
            review_approved: number;
            review_rejected: number;
            review_expired_approved: number;
            review_expired_rejected: number;
        };
        /**
         * ModelView
         * @description A message for a language model, or a part of it.
         *
         *         `text` is what to give the model: facts of ours, then all that the sender wrote, between a line
         *         `<<<UNTRUSTED-MAIL nonce>>>` and a line `<<<END-UNTRUSTED-MAIL nonce>>>`. `nonce` is new in each answer and does not
         *         occur in what the sender wrote. What stands between the two lines is the content from character `offset` on; the
         *         contents of all parts, joined, are the whole of `total_chars` characters.
         */
        ModelView: {
            message_id: string;
            text: string;
            offset: number;
            next_offset: number | null;
            total_chars: number;
            nonce: string;
            removed: components["schemas"]["RemovedView"][];
            truncated: boolean;
        };
        /**
         * OAuthConnectionEntry
         * @description A program that was let in. `agent_email` is empty for one that may act for the whole account.
         */
        OAuthConnectionEntry: {
            client_id: string;
            client_name: string;
            agent_email: string;
            scope: string;
            /** Format: date-time */
            issued_at: string;
            /** Format: date-time */
            expires_at?: string;
            /** Format: date-time */
            revoked_at?: string;
        };
        /**
         * PageAPIKeyView
         * @description A page of keys.
         */
        PageAPIKeyView: {
            items: components["schemas"]["APIKeyView"][];
            next_cursor: string | null;
        };
        /**
         * PageAgentSuppressionView
         * @description A page of them.
         */
        PageAgentSuppressionView: {
            items: components["schemas"]["AgentSuppressionView"][];
            next_cursor: string | null;
        };
        /**
         * PageAgentView
         * @description A page of agents.
         */
        PageAgentView: {
            items: components["schemas"]["AgentView"][];
            next_cursor: string | null;
        };
        /**
         * PageConnectionView
         * @description A page of them.
         */
        PageConnectionView: {
            items: components["schemas"]["ConnectionView"][];
            next_cursor: string | null;
        };
        /**
         * PageContactEngagementView
         * @description A page of them.
         */
        PageContactEngagementView: {
            items: components["schemas"]["ContactEngagementView"][];
            next_cursor: string | null;
        };
        /**
         * PageContactView
         * @description A page of them.
         */
        PageContactView: {
            items: components["schemas"]["ContactView"][];
            next_cursor: string | null;
        };
        /**
         * PageConversationSummaryView
         * @description One page of conversations.
         */
        PageConversationSummaryView: {
            items: components["schemas"]["ConversationSummaryView"][];
            next_cursor: string | null;
        };
        /**
         * PageDomainView
         * @description A page of domains.
         */
        PageDomainView: {
            items: components["schemas"]["DomainView"][];
            next_cursor: string | null;
        };
        /**
         * PageEventView
         * @description A page of events.
         */
        PageEventView: {
            items: components["schemas"]["EventView"][];
            next_cursor: string | null;
        };
        /**
         * PageMessageLifecycleTransition
         * @description One page, oldest first.
         */
        PageMessageLifecycleTransition: {
            items: components["schemas"]["MessageLifecycleTransition"][];
            next_cursor: string | null;
        };
        /**
         * PageMessageSummaryView
         * @description One page of messages.
         */
        PageMessageSummaryView: {
            items: components["schemas"]["MessageSummaryView"][];
            next_cursor: string | null;
        };
        /**
         * PageReviewView
         * @description One page of reviews.
         */
        PageReviewView: {
            items: components["schemas"]["ReviewView"][];
            next_cursor: string | null;
        };
        /**
         * PageStarterTemplateView
         * @description A page of starters.
         */
        PageStarterTemplateView: {
            items: components["schemas"]["StarterTemplateView"][];
            next_cursor: string | null;
        };
        /**
         * PageSuppressionView
         * @description A page of them.
         */
        PageSuppressionView: {
            items: components["schemas"]["SuppressionView"][];
            next_cursor: string | null;
        };
        /**
         * PageTemplateSummaryView
         * @description A page of them.
         */
        PageTemplateSummaryView: {
            items: components["schemas"]["TemplateSummaryView"][];
            next_cursor: string | null;
        };
        /**
         * PageWebhookDeliveryView
         * @description A page of deliveries.
         */
        PageWebhookDeliveryView: {
            items: components["schemas"]["WebhookDeliveryView"][];
            next_cursor: string | null;
        };
        /**
         * PageWebhookView
         * @description A page of webhooks.
         */
        PageWebhookView: {
            items: components["schemas"]["WebhookView"][];
            next_cursor: string | null;
        };
        /**
         * PayloadTooLargeDetails
         * @description `details` of payload_too_large.
         */
        PayloadTooLargeDetails: {
            scope: string;
            actual_bytes: number;
            max_bytes: number;
            filename?: string;
        };
        /**
         * ProtectionConfigRequest
         * @description All of it: what is left out has its default, not its old value.
         */
        ProtectionConfigRequest: {
            inbound: components["schemas"]["ProtectionDirectionRequest"];
            outbound: components["schemas"]["ProtectionOutboundRequest"];
            holds: components["schemas"]["ProtectionHoldsRequest"];
        };
        /**
         * ProtectionConfigView
         * @description The protection of an agent.
         */
        ProtectionConfigView: {
            inbound: components["schemas"]["ProtectionDirectionView"];
            outbound: components["schemas"]["ProtectionDirectionView"];
            holds: components["schemas"]["ProtectionHoldsView"];
        };
        /**
         * ProtectionDirectionRequest
         * @description Mail to the agent.
         */
        ProtectionDirectionRequest: {
            gate: components["schemas"]["ProtectionGateRequest"];
            scan: components["schemas"]["ProtectionScanRequest"];
        };
        /**
         * ProtectionDirectionView
         * @description One direction. `require_review` and `provenance` are additions, there when they say something.
         */
        ProtectionDirectionView: {
            gate: components["schemas"]["ProtectionGateView"];
            scan: components["schemas"]["ProtectionScanView"];
            require_review?: boolean;
            provenance?: {
                [key: string]: string;
            };
        };
        /**
         * ProtectionEventExportEntry
         * @description What the gate or the scan noticed of a message.
         */
        ProtectionEventExportEntry: {
            id: string;
            message_id: string;
            agent_email: string;
            direction: string;
            source: string;
            reason: string;
            action: string;
            /** Format: date-time */
            created_at: string;
            categories: unknown[];
            summary: string;
            detector?: string;
            peer_address?: string;
            scan_score?: number;
        };
        /**
         * ProtectionGateRequest
         * @description Which peers pass, and what happens to the others.
         */
        ProtectionGateRequest: {
            /**
             * @description who passes: everybody, the allowlist, or the agent's own domain
             * @default open
             * @enum {unknown}
             */
            policy?: "allowlist" | "domain" | "open";
            /**
             * @description what happens to others: marked, held for a person, or refused
             * @default flag
             * @enum {unknown}
             */
            action?: "block" | "flag" | "review";
            /**
             * @description addresses or domains
             * @default []
             */
            allowlist?: string[];
        };
        /**
         * ProtectionGateView
         * @description Which peers pass, and what happens to the others.
         */
        ProtectionGateView: {
            policy: string;
            action: string;
            allowlist?: string[];
        };
        /**
         * ProtectionHoldsRequest
         * @description How long a hold lasts and how it ends by itself.
         */
        ProtectionHoldsRequest: {
            /**
             * @description lifetime of a hold, at most 604800; 0: the default
             * @default 604800
             */
            ttl_seconds?: number;
            /**
             * @default reject
             * @enum {unknown}
             */
            on_expiry?: "approve" | "reject";
            /** @default false */
            suppress_notifications?: boolean;
        };
        /**
         * ProtectionHoldsView
         * @description How long a hold lasts and how it ends by itself.
         */
        ProtectionHoldsView: {
            ttl_seconds: number;
            on_expiry: string;
            suppress_notifications?: boolean;
        };
        /**
         * ProtectionOutboundRequest
         * @description Mail of the agent. `require_review` and `provenance` are additions.
         */
        ProtectionOutboundRequest: {
            gate: components["schemas"]["ProtectionGateRequest"];
            scan: components["schemas"]["ProtectionScanRequest"];
            /** @default false */
            require_review?: boolean;
            provenance?: components["schemas"]["ProvenanceRequest"];
        };
        /**
         * ProtectionScanRequest
         * @description How closely content is looked at.
         */
        ProtectionScanRequest: {
            /**
             * @description how soon content is held or refused; kept at off where GET /v1/info says that screening is off
             * @default off
             * @enum {unknown}
             */
            sensitivity?: "high" | "low" | "medium" | "off";
        };
        /**
         * ProtectionScanView
         * @description How closely content is looked at.
         */
        ProtectionScanView: {
            sensitivity: string;
        };
        /**
         * ProvenanceRequest
         * @description What is done with a recipient by where the agent knows it from.
         */
        ProvenanceRequest: {
            /**
             * @description absent: allow; content is reviewed where the gate is on
             * @enum {unknown}
             */
            operator_list?: "allow" | "block" | "review";
            /**
             * @description absent: allow; content is reviewed where the gate is on
             * @enum {unknown}
             */
            correspondent?: "allow" | "block" | "review";
            /**
             * @description absent: allow; content is reviewed where the gate is on
             * @enum {unknown}
             */
            participant?: "allow" | "block" | "review";
            /**
             * @description absent: allow; content is reviewed where the gate is on
             * @enum {unknown}
             */
            content?: "allow" | "block" | "review";
            /**
             * @description absent: allow; content is reviewed where the gate is on
             * @enum {unknown}
             */
            unseen?: "allow" | "block" | "review";
        };
        /**
         * RecipientExportEntry
         * @description How far a message came on its way to one recipient. `field` is to, cc or bcc.
         */
        RecipientExportEntry: {
            message_id: string;
            address: string;
            field: string;
            route: string;
            status: string;
            /** Format: date-time */
            changed_at: string;
            provenance?: string;
            smtp_code?: number;
            enhanced_code?: string;
            detail?: string;
        };
        /**
         * RedeliverDelivery
         * @description What became of one endpoint. `webhook_id` is a cloud agent's address for its own URL.
         */
        RedeliverDelivery: {
            webhook_id: string;
            status: string;
            delivery_id?: string;
            reason?: string;
        };
        /**
         * RedeliverEventRequest
         * @description One webhook, or all that the event matched.
         */
        RedeliverEventRequest: {
            webhook_id?: string;
        };
        /**
         * RedeliverView
         * @description What was scheduled.
         */
        RedeliverView: {
            event_id: string;
            status: string;
            deliveries?: components["schemas"]["RedeliverDelivery"][];
            delivery_id?: string;
            webhook_id?: string;
        };
        /**
         * RegisterDomainRequest
         * @description The name to claim.
         */
        RegisterDomainRequest: {
            domain: string;
        };
        /**
         * RejectRequest
         * @description Why not.
         */
        RejectRequest: {
            reason?: string;
            /** @description content_sha256 of the review that was read: if the draft was changed since, nothing is decided */
            content_sha256?: string;
        };
        /**
         * RejectResultView
         * @description A mail that was kept back.
         */
        RejectResultView: {
            status: string;
            message_id: string;
            rejection_reason?: string;
        };
        /**
         * RemovedView
         * @description How many characters of one kind were taken out of a text.
         */
        RemovedView: {
            kind: string;
            count: number;
        };
        /**
         * RenderedTemplateView
         * @description A mail's words.
         */
        RenderedTemplateView: {
            subject: string;
            text: string;
            html?: string;
        };
        /**
         * ReplyRequest
         * @description An answer.
         */
        ReplyRequest: {
            /** @description not empty */
            text: string;
            html?: string;
            /** @description also to the other recipients of the mail */
            reply_all?: boolean;
            cc?: string[];
            bcc?: string[];
            attachments?: components["schemas"]["Attachment"][];
            /** @description where answers go: one address, or up to five; the agent's own if absent */
            reply_to?: string | string[];
            /** @description the conversation to continue; absent: a new one */
            conversation_id?: string;
            /**
             * Format: date-time
             * @description not before this time, within 90 days; absent or past: now
             */
            send_at?: string;
            /** @description put the mail below the answer */
            quote_history?: boolean;
            unsubscribe?: components["schemas"]["UnsubscribeOptions"];
        };
        /**
         * ResolveMessageRequest
         * @description What a person found out about recipients of unknown outcome, or wants done.
         */
        ResolveMessageRequest: {
            /**
             * @description they have it, they have it not, or it is sent to them again with the same Message-ID
             * @enum {unknown}
             */
            outcome: "failed" | "resend" | "sent";
        };
        /**
         * ResolveMessageResult
         * @description It is done.
         */
        ResolveMessageResult: {
            message_id: string;
            outcome: string;
        };
        /**
         * RetryAfterDetails
         * @description `details` of what may work later.
         */
        RetryAfterDetails: {
            retry_after_seconds: number;
        };
        /**
         * ReviewExportEntry
         * @description A message that is or was held, and what was decided.
         */
        ReviewExportEntry: {
            message_id: string;
            agent_email: string;
            direction: string;
            reason: Record<string, unknown>;
            findings: unknown[];
            on_expiry: string;
            revision: number;
            edited: boolean;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            scheduled_at?: string;
            /** Format: date-time */
            decided_at?: string;
            decided_via?: string;
            decided_by?: string;
            rejection_reason?: string;
        };
        /**
         * ReviewView
         * @description A mail that waits. `revision`, `content_sha256` and the deadline are additions.
         */
        ReviewView: {
            id: string;
            agent_email: string;
            /** @enum {unknown} */
            direction: "inbound" | "outbound";
            header_from: string | null;
            envelope_from: string | null;
            verified_domain: string | null;
            to: string[];
            subject: string;
            review_status: string;
            /** Format: date-time */
            created_at: string;
            cc?: string[];
            bcc?: string[];
            conversation_id?: string;
            flagged?: boolean;
            flag_reason?: string;
            hold_reason?: components["schemas"]["HoldReasonView"];
            /** Format: date-time */
            scheduled_at?: string;
            /** Format: date-time */
            approval_expires_at?: string;
            revision?: number;
            content_sha256?: string;
            edited?: boolean;
        };
        /**
         * RotateSecretResponse
         * @description The new secret, shown this once, and until when the old one signs beside it.
         */
        RotateSecretResponse: {
            signing_secret: string;
            /** Format: date-time */
            previous_secret_expires_at: string;
        };
        /**
         * SPFResult
         * @description The SPF verdict.
         */
        SPFResult: {
            /** @enum {unknown} */
            status: "fail" | "neutral" | "none" | "pass" | "permerror" | "softfail" | "temperror";
            domain: string | null;
            aligned: boolean | null;
            detail?: string;
        };
        /**
         * SendEmailRequest
         * @description A fresh mail: literal, or from a template.
         */
        SendEmailRequest: {
            to: string[];
            cc?: string[];
            bcc?: string[];
            subject?: string;
            text?: string;
            html?: string;
            attachments?: components["schemas"]["Attachment"][];
            /** @description where answers go: one address, or up to five; the agent's own if absent */
            reply_to?: string | string[];
            /** @description the conversation to continue; absent: a new one */
            conversation_id?: string;
            /**
             * Format: date-time
             * @description not before this time, within 90 days; absent or past: now
             */
            send_at?: string;
            unsubscribe?: components["schemas"]["UnsubscribeOptions"];
            template_id?: string;
            template_alias?: string;
            template_data?: Record<string, unknown>;
        };
        /**
         * SendResultView
         * @description What became of the mail so far; `status` decides which members are there.
         */
        SendResultView: {
            status: string;
            message_id: string;
            method?: string;
            sent_as?: string;
            provider_message_id?: string;
            /** Format: date-time */
            approval_expires_at?: string;
            /** Format: date-time */
            scheduled_at?: string;
            edited?: boolean;
        };
        /**
         * SenderContinuityView
         * @description How the sender's authentication compares with what this agent knows of it, and why: an addition.
         */
        SenderContinuityView: {
            /** @enum {unknown} */
            status: "break" | "consistent" | "new";
            detail: string;
            resembles?: string;
        };
        /**
         * SenderEvidenceExportEntry
         * @description With what an address authenticated, and how often.
         */
        SenderEvidenceExportEntry: {
            agent_email: string;
            address: string;
            mechanism: string;
            domain: string;
            selector: string;
            count: number;
            /** Format: date-time */
            first_at: string;
            /** Format: date-time */
            last_at: string;
        };
        /**
         * SendingRampView
         * @description The slow start of sending from this domain.
         */
        SendingRampView: {
            status: string;
            daily_recipient_limit: number;
            recipients_used_today: number;
            active_days: number;
            ramp_days: number;
            /** Format: date-time */
            resets_at?: string;
        };
        /**
         * SessionExportEntry
         * @description A browser that is signed in. `signed_in_by`: `key`, `link` or `oidc`.
         */
        SessionExportEntry: {
            signed_in_by: string;
            browser: string;
            network: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            last_seen_at: string;
            /** Format: date-time */
            expires_at: string;
        };
        /**
         * StarterTemplateDetailView
         * @description A starter with its sources.
         */
        StarterTemplateDetailView: {
            alias: string;
            name: string;
            description: string;
            version: string;
            subject: string;
            text: string;
            html: string;
            variables: components["schemas"]["StarterTemplateVariableView"][];
        };
        /**
         * StarterTemplateVariableView
         * @description A value that a starter wants.
         */
        StarterTemplateVariableView: {
            name: string;
            required: boolean;
            raw: boolean;
            description: string;
            example: string;
        };
        /**
         * StarterTemplateView
         * @description A starter without its bodies.
         */
        StarterTemplateView: {
            alias: string;
            name: string;
            description: string;
            version: string;
            subject: string;
            variables: components["schemas"]["StarterTemplateVariableView"][];
        };
        /**
         * SuppressionExportEntry
         * @description An address that is not written to, by nobody or not by one agent.
         */
        SuppressionExportEntry: {
            address: string;
            source: string;
            /** Format: date-time */
            created_at: string;
            agent_email?: string;
            reason?: string;
        };
        /**
         * SuppressionView
         * @description An address that no agent of the account writes to.
         */
        SuppressionView: {
            address: string;
            source: string;
            /** Format: date-time */
            created_at: string;
            reason?: string;
            source_message_id?: string;
        };
        /**
         * TemplateExportEntry
         * @description A template with its texts.
         */
        TemplateExportEntry: {
            id: string;
            name: string;
            subject: string;
            text: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            alias?: string;
            html?: string;
            from_starter_alias?: string;
            from_starter_version?: string;
        };
        /**
         * TemplatePartError
         * @description What is wrong with one part.
         */
        TemplatePartError: {
            part: string;
            message: string;
        };
        /**
         * TemplateSummaryView
         * @description A template without its bodies.
         */
        TemplateSummaryView: {
            id: string;
            name: string;
            subject: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            alias?: string;
        };
        /**
         * TemplateView
         * @description A template with its sources.
         */
        TemplateView: {
            id: string;
            name: string;
            subject: string;
            text: string;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            alias?: string;
            html?: string;
            from_starter_alias?: string;
            from_starter_version?: string;
        };
        /**
         * TestWebhookRequest
         * @description What the test shall look like.
         */
        TestWebhookRequest: {
            /** @enum {unknown} */
            type?: "agent.suppression_added" | "contact.due" | "domain.sending_failed" | "domain.sending_verified" | "domain.suppression_added" | "email.blocked" | "email.bounced" | "email.complained" | "email.delivered" | "email.failed" | "email.flagged" | "email.received" | "email.review_approved" | "email.review_rejected" | "email.review_requested" | "email.sent";
            data?: Record<string, unknown>;
        };
        /**
         * TestWebhookResponse
         * @description The delivery to look for.
         */
        TestWebhookResponse: {
            delivery_id: string;
        };
        /**
         * TransitionExportEntry
         * @description A row of the ledger of a message.
         */
        TransitionExportEntry: {
            id: string;
            message_id: string;
            reason_code: string;
            stage: string;
            outcome: string;
            retryable: boolean;
            evidence: Record<string, unknown>;
            correlation_ids: Record<string, unknown>;
            /** Format: date-time */
            occurred_at: string;
            recipient?: string;
        };
        /**
         * UnsubscribeOptions
         * @description Managed unsubscribe: one-click fields, a footer, and a page of ours.
         */
        UnsubscribeOptions: {
            /** @enum {string} */
            mode: "managed";
        };
        /**
         * UpdateAgentRequest
         * @description What to change; what is left out stays.
         */
        UpdateAgentRequest: {
            /** @description display label */
            name?: string;
            /**
             * @description cloud: mail is also posted to webhook_url; local: it is fetched or pushed over the WebSocket
             * @enum {unknown}
             */
            agent_mode?: "cloud" | "local";
            /** @description where mail of a cloud agent is posted; https */
            webhook_url?: string;
            catch_all?: boolean;
        };
        /**
         * UpdateContactRequest
         * @description What to change; what is left out stays.
         */
        UpdateContactRequest: {
            display_name?: string;
            /** @description flat: at most 50 keys of at most 128 bytes, strings of at most 4096 bytes, numbers, booleans and nulls, 16384 bytes as JSON; replaced as a whole */
            metadata?: Record<string, unknown>;
        };
        /**
         * UpdateMessageRequest
         * @description Labels to add and to remove; read_status is an addition.
         */
        UpdateMessageRequest: {
            add_labels?: string[];
            remove_labels?: string[];
            /** @enum {unknown} */
            read_status?: "read" | "unread";
        };
        /**
         * UpdateMessageResultView
         * @description Labels and read state after a change.
         */
        UpdateMessageResultView: {
            message_id: string;
            labels: string[];
            read_status?: string;
        };
        /**
         * UpdateTemplateRequest
         * @description What to change; what is absent stays.
         */
        UpdateTemplateRequest: {
            /** @description at most 200 bytes */
            name?: string;
            /** @description at most 256 KiB; {{path}} is filled in */
            subject?: string;
            /** @description at most 256 KiB; {{path}} is filled in */
            text?: string;
            /** @description as in a new one; "" takes the part away */
            html?: string;
            /** @description as in a new one; "" takes it away */
            alias?: string;
        };
        /**
         * UpdateWebhookRequest
         * @description What to change; each member given replaces the whole of what was there.
         */
        UpdateWebhookRequest: {
            /** @description https, a public host name, at most 2048 characters */
            url?: string;
            events?: ("agent.suppression_added" | "contact.due" | "domain.sending_failed" | "domain.sending_verified" | "domain.suppression_added" | "email.blocked" | "email.bounced" | "email.complained" | "email.delivered" | "email.failed" | "email.flagged" | "email.received" | "email.review_approved" | "email.review_rejected" | "email.review_requested" | "email.sent")[];
            /** @description at most 200 characters, no line breaks */
            description?: string;
            filters?: components["schemas"]["WebhookFiltersRequest"];
            enabled?: boolean;
        };
        /**
         * UpsertEngagementRequest
         * @description What to write of an engagement; what is left out stays. `next_action_at: null` clears the schedule.
         */
        UpsertEngagementRequest: {
            /** @description your own word, never interpreted */
            stage?: string;
            /** Format: date-time */
            next_action_at?: string | null;
            /** @description flat: at most 50 keys of at most 128 bytes, strings of at most 4096 bytes, numbers, booleans and nulls, 16384 bytes as JSON; replaced as a whole */
            metadata?: Record<string, unknown>;
        };
        /**
         * UserExport
         * @description All that is stored of an account, as of `generated_at`.
         *
         *         Secrets are left out, and what is made from the rest: the search index, queues, counters.
         */
        UserExport: {
            /** Format: date-time */
            generated_at: string;
            schema_version: string;
            user: components["schemas"]["UserExportUser"];
            domains: components["schemas"]["Domain"][];
            agents: components["schemas"]["AgentIdentity"][];
            api_keys: components["schemas"]["APIKeyExportEntry"][];
            messages: components["schemas"]["Message"][];
            suppressions: components["schemas"]["SuppressionExportEntry"][];
            protection_events: components["schemas"]["ProtectionEventExportEntry"][];
            oauth_connections: components["schemas"]["OAuthConnectionEntry"][];
            recipients: components["schemas"]["RecipientExportEntry"][];
            transitions: components["schemas"]["TransitionExportEntry"][];
            reviews: components["schemas"]["ReviewExportEntry"][];
            templates: components["schemas"]["TemplateExportEntry"][];
            webhooks: components["schemas"]["WebhookExportEntry"][];
            events: Record<string, unknown>[];
            deliveries: components["schemas"]["DeliveryExportEntry"][];
            contacts: components["schemas"]["ContactExportEntry"][];
            engagements: components["schemas"]["EngagementExportEntry"][];
            correspondents: components["schemas"]["CorrespondentExportEntry"][];
            sender_evidence: components["schemas"]["SenderEvidenceExportEntry"][];
            sessions: components["schemas"]["SessionExportEntry"][];
            identities: components["schemas"]["IdentityExportEntry"][];
            audit: components["schemas"]["AuditExportEntry"][];
        };
        /**
         * UserExportUser
         * @description The owner.
         */
        UserExportUser: {
            id: string;
            email: string;
            name: string;
            /** Format: date-time */
            created_at: string;
        };
        /**
         * ValidateTemplateRequest
         * @description Sources to be tried.
         */
        ValidateTemplateRequest: {
            /** @description at most 256 KiB; {{path}} is filled in */
            subject?: string;
            /** @description at most 256 KiB; {{path}} is filled in */
            text?: string;
            /** @description at most 256 KiB; {{path}} is filled in escaped, {{{path}}} as it is */
            html?: string;
            /** @description for the preview; what is missing is empty */
            test_data?: Record<string, unknown>;
        };
        /**
         * ValidateTemplateResponse
         * @description Whether the sources can be read; how they look with the data; data to try them with.
         *
         *         `errors` says what cannot be read, or, where all can, what cannot be rendered with this data.
         */
        ValidateTemplateResponse: {
            valid: boolean;
            errors: components["schemas"]["TemplatePartError"][];
            rendered?: components["schemas"]["RenderedTemplateView"];
            suggested_data?: Record<string, unknown>;
        };
        /**
         * ValidationErrorDetails
         * @description `details` of invalid_request.
         */
        ValidationErrorDetails: {
            fields: components["schemas"]["FieldError"][];
        };
        /**
         * VerifyDomainView
         * @description What a look at the DNS found just now.
         */
        VerifyDomainView: {
            domain: string;
            verified: boolean;
            /** @description found, missing, deferred or mismatch */
            dkim: string;
            mx: string;
            spf: string;
            /** Format: date-time */
            verified_at?: string;
        };
        /**
         * WebhookDeliveryView
         * @description One delivery with its last attempt. `last_status_code` is 0 when there was no answer.
         */
        WebhookDeliveryView: {
            id: string;
            type: string;
            status: string;
            attempts: number;
            /** Format: date-time */
            next_retry_at: string;
            /** Format: date-time */
            created_at: string;
            event_id?: string;
            /** Format: date-time */
            last_attempt_at?: string;
            last_error?: string;
            last_status_code?: number;
            response_excerpt?: string;
        };
        /**
         * WebhookEndpointMetricsView
         * @description One webhook, by its host alone: paths may hold secrets.
         */
        WebhookEndpointMetricsView: {
            webhook_id: string;
            url_host: string;
            enabled: boolean;
            auto_disable_reason: string;
            /** Format: date-time */
            auto_disabled_at: string | null;
            last_status_code: number | null;
            deliveries: number;
            delivered: number;
            pending: number;
            endpoint_rejected: number;
            no_response: number;
            success_rate: number | null;
        };
        /**
         * WebhookExportEntry
         * @description A webhook without its secret. `surface`: which API made it.
         */
        WebhookExportEntry: {
            id: string;
            surface: string;
            url: string;
            description: string;
            events: string[];
            agent_emails: string[];
            conversation_ids: string[];
            labels: string[];
            enabled: boolean;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            auto_disabled_at?: string;
            auto_disabled_reason?: string;
            /** Format: date-time */
            last_delivered_at?: string;
        };
        /**
         * WebhookFiltersRequest
         * @description Restrictions: any value inside a list, every list given.
         */
        WebhookFiltersRequest: {
            /** @description at most 50 values */
            agent_emails?: string[];
            /** @description at most 50 values */
            conversation_ids?: string[];
            /** @description at most 50 values */
            labels?: string[];
        };
        /**
         * WebhookFiltersView
         * @description Restrictions; an empty object lets everything through.
         */
        WebhookFiltersView: {
            agent_emails?: string[];
            conversation_ids?: string[];
            labels?: string[];
        };
        /**
         * WebhookMetricsView
         * @description All webhooks that there are; `endpoints` are the 50 busiest of those with deliveries.
         */
        WebhookMetricsView: {
            deliveries: number;
            delivered: number;
            pending: number;
            endpoint_rejected: number;
            no_response: number;
            endpoints_auto_disabled: number;
            success_rate: number | null;
            endpoints_truncated: boolean;
            window_exceeds_retention: boolean;
            endpoints: components["schemas"]["WebhookEndpointMetricsView"][];
        };
        /**
         * WebhookView
         * @description A webhook. Its secret is shown when it is made and never again.
         */
        WebhookView: {
            id: string;
            url: string;
            description: string;
            events: string[];
            filters: components["schemas"]["WebhookFiltersView"];
            enabled: boolean;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            auto_disabled_at?: string;
            auto_disabled_reason?: string;
            /** Format: date-time */
            last_delivered_at?: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type APIKeyExportEntry = components['schemas']['APIKeyExportEntry'];
export type APIKeyView = components['schemas']['APIKeyView'];
export type ARCResult = components['schemas']['ARCResult'];
export type AccountMetricsView = components['schemas']['AccountMetricsView'];
export type AccountUserView = components['schemas']['AccountUserView'];
export type AccountView = components['schemas']['AccountView'];
export type AgentIdentity = components['schemas']['AgentIdentity'];
export type AgentMetricsGroupView = components['schemas']['AgentMetricsGroupView'];
export type AgentMetricsView = components['schemas']['AgentMetricsView'];
export type AgentSuppressionView = components['schemas']['AgentSuppressionView'];
export type AgentView = components['schemas']['AgentView'];
export type ApproveRequest = components['schemas']['ApproveRequest'];
export type Attachment = components['schemas']['Attachment'];
export type AttachmentMetaView = components['schemas']['AttachmentMetaView'];
export type AttachmentView = components['schemas']['AttachmentView'];
export type AuditExportEntry = components['schemas']['AuditExportEntry'];
export type Authentication = components['schemas']['Authentication'];
export type ConnectionView = components['schemas']['ConnectionView'];
export type ContactEngagementView = components['schemas']['ContactEngagementView'];
export type ContactExportEntry = components['schemas']['ContactExportEntry'];
export type ContactImportItemResult = components['schemas']['ContactImportItemResult'];
export type ContactImportResult = components['schemas']['ContactImportResult'];
export type ContactImportRow = components['schemas']['ContactImportRow'];
export type ContactView = components['schemas']['ContactView'];
export type ConversationDetailView = components['schemas']['ConversationDetailView'];
export type ConversationSummaryView = components['schemas']['ConversationSummaryView'];
export type CorrespondentExportEntry = components['schemas']['CorrespondentExportEntry'];
export type CreateAPIKeyRequest = components['schemas']['CreateAPIKeyRequest'];
export type CreateAPIKeyResponse = components['schemas']['CreateAPIKeyResponse'];
export type CreateAgentRequest = components['schemas']['CreateAgentRequest'];
export type CreateAgentSuppressionRequest = components['schemas']['CreateAgentSuppressionRequest'];
export type CreateContactRequest = components['schemas']['CreateContactRequest'];
export type CreateTemplateRequest = components['schemas']['CreateTemplateRequest'];
export type CreateWebhookRequest = components['schemas']['CreateWebhookRequest'];
export type CreateWebhookResponse = components['schemas']['CreateWebhookResponse'];
export type DKIMResult = components['schemas']['DKIMResult'];
export type DMARCResult = components['schemas']['DMARCResult'];
export type DNSRecord = components['schemas']['DNSRecord'];
export type DeleteAgentResult = components['schemas']['DeleteAgentResult'];
export type DeleteApiKeyResult = components['schemas']['DeleteApiKeyResult'];
export type DeleteConnectionResult = components['schemas']['DeleteConnectionResult'];
export type DeleteContactResult = components['schemas']['DeleteContactResult'];
export type DeleteDomainResult = components['schemas']['DeleteDomainResult'];
export type DeleteEngagementResult = components['schemas']['DeleteEngagementResult'];
export type DeleteImportBatchResult = components['schemas']['DeleteImportBatchResult'];
export type DeleteMessageResult = components['schemas']['DeleteMessageResult'];
export type DeleteSuppressionResult = components['schemas']['DeleteSuppressionResult'];
export type DeleteTemplateResult = components['schemas']['DeleteTemplateResult'];
export type DeleteUserDataResult = components['schemas']['DeleteUserDataResult'];
export type DeleteWebhookResult = components['schemas']['DeleteWebhookResult'];
export type DeliveryExportEntry = components['schemas']['DeliveryExportEntry'];
export type DeliveryStatusJSON = components['schemas']['DeliveryStatusJSON'];
export type DeploymentInfoView = components['schemas']['DeploymentInfoView'];
export type Domain = components['schemas']['Domain'];
export type DomainCapabilities = components['schemas']['DomainCapabilities'];
export type DomainView = components['schemas']['DomainView'];
export type EditResultView = components['schemas']['EditResultView'];
export type EmbeddedContactView = components['schemas']['EmbeddedContactView'];
export type EngagementExportEntry = components['schemas']['EngagementExportEntry'];
export type ErrorBody = components['schemas']['ErrorBody'];
export type ErrorEnvelope = components['schemas']['ErrorEnvelope'];
export type EventView = components['schemas']['EventView'];
export type FeaturesView = components['schemas']['FeaturesView'];
export type FieldError = components['schemas']['FieldError'];
export type ForwardRequest = components['schemas']['ForwardRequest'];
export type HighlightView = components['schemas']['HighlightView'];
export type HoldReasonView = components['schemas']['HoldReasonView'];
export type IdentityExportEntry = components['schemas']['IdentityExportEntry'];
export type ImportContactsRequest = components['schemas']['ImportContactsRequest'];
export type LimitExceededDetails = components['schemas']['LimitExceededDetails'];
export type LimitsCapsView = components['schemas']['LimitsCapsView'];
export type LimitsUsageView = components['schemas']['LimitsUsageView'];
export type Message = components['schemas']['Message'];
export type MessageLifecycleTransition = components['schemas']['MessageLifecycleTransition'];
export type MessageParsedView = components['schemas']['MessageParsedView'];
export type MessageSummaryView = components['schemas']['MessageSummaryView'];
export type MessageView = components['schemas']['MessageView'];
export type MetricsBucketView = components['schemas']['MetricsBucketView'];
export type MetricsCounterView = components['schemas']['MetricsCounterView'];
export type MetricsRatesView = components['schemas']['MetricsRatesView'];
export type MetricsSummaryView = components['schemas']['MetricsSummaryView'];
export type ModelView = components['schemas']['ModelView'];
export type OAuthConnectionEntry = components['schemas']['OAuthConnectionEntry'];
export type PageAPIKeyView = components['schemas']['PageAPIKeyView'];
export type PageAgentSuppressionView = components['schemas']['PageAgentSuppressionView'];
export type PageAgentView = components['schemas']['PageAgentView'];
export type PageConnectionView = components['schemas']['PageConnectionView'];
export type PageContactEngagementView = components['schemas']['PageContactEngagementView'];
export type PageContactView = components['schemas']['PageContactView'];
export type PageConversationSummaryView = components['schemas']['PageConversationSummaryView'];
export type PageDomainView = components['schemas']['PageDomainView'];
export type PageEventView = components['schemas']['PageEventView'];
export type PageMessageLifecycleTransition = components['schemas']['PageMessageLifecycleTransition'];
export type PageMessageSummaryView = components['schemas']['PageMessageSummaryView'];
export type PageReviewView = components['schemas']['PageReviewView'];
export type PageStarterTemplateView = components['schemas']['PageStarterTemplateView'];
export type PageSuppressionView = components['schemas']['PageSuppressionView'];
export type PageTemplateSummaryView = components['schemas']['PageTemplateSummaryView'];
export type PageWebhookDeliveryView = components['schemas']['PageWebhookDeliveryView'];
export type PageWebhookView = components['schemas']['PageWebhookView'];
export type PayloadTooLargeDetails = components['schemas']['PayloadTooLargeDetails'];
export type ProtectionConfigRequest = components['schemas']['ProtectionConfigRequest'];
export type ProtectionConfigView = components['schemas']['ProtectionConfigView'];
export type ProtectionDirectionRequest = components['schemas']['ProtectionDirectionRequest'];
export type ProtectionDirectionView = components['schemas']['ProtectionDirectionView'];
export type ProtectionEventExportEntry = components['schemas']['ProtectionEventExportEntry'];
export type ProtectionGateRequest = components['schemas']['ProtectionGateRequest'];
export type ProtectionGateView = components['schemas']['ProtectionGateView'];
export type ProtectionHoldsRequest = components['schemas']['ProtectionHoldsRequest'];
export type ProtectionHoldsView = components['schemas']['ProtectionHoldsView'];
export type ProtectionOutboundRequest = components['schemas']['ProtectionOutboundRequest'];
export type ProtectionScanRequest = components['schemas']['ProtectionScanRequest'];
export type ProtectionScanView = components['schemas']['ProtectionScanView'];
export type ProvenanceRequest = components['schemas']['ProvenanceRequest'];
export type RecipientExportEntry = components['schemas']['RecipientExportEntry'];
export type RedeliverDelivery = components['schemas']['RedeliverDelivery'];
export type RedeliverEventRequest = components['schemas']['RedeliverEventRequest'];
export type RedeliverView = components['schemas']['RedeliverView'];
export type RegisterDomainRequest = components['schemas']['RegisterDomainRequest'];
export type RejectRequest = components['schemas']['RejectRequest'];
export type RejectResultView = components['schemas']['RejectResultView'];
export type RemovedView = components['schemas']['RemovedView'];
export type RenderedTemplateView = components['schemas']['RenderedTemplateView'];
export type ReplyRequest = components['schemas']['ReplyRequest'];
export type ResolveMessageRequest = components['schemas']['ResolveMessageRequest'];
export type ResolveMessageResult = components['schemas']['ResolveMessageResult'];
export type RetryAfterDetails = components['schemas']['RetryAfterDetails'];
export type ReviewExportEntry = components['schemas']['ReviewExportEntry'];
export type ReviewView = components['schemas']['ReviewView'];
export type RotateSecretResponse = components['schemas']['RotateSecretResponse'];
export type SPFResult = components['schemas']['SPFResult'];
export type SendEmailRequest = components['schemas']['SendEmailRequest'];
export type SendResultView = components['schemas']['SendResultView'];
export type SenderContinuityView = components['schemas']['SenderContinuityView'];
export type SenderEvidenceExportEntry = components['schemas']['SenderEvidenceExportEntry'];
export type SendingRampView = components['schemas']['SendingRampView'];
export type SessionExportEntry = components['schemas']['SessionExportEntry'];
export type StarterTemplateDetailView = components['schemas']['StarterTemplateDetailView'];
export type StarterTemplateVariableView = components['schemas']['StarterTemplateVariableView'];
export type StarterTemplateView = components['schemas']['StarterTemplateView'];
export type SuppressionExportEntry = components['schemas']['SuppressionExportEntry'];
export type SuppressionView = components['schemas']['SuppressionView'];
export type TemplateExportEntry = components['schemas']['TemplateExportEntry'];
export type TemplatePartError = components['schemas']['TemplatePartError'];
export type TemplateSummaryView = components['schemas']['TemplateSummaryView'];
export type TemplateView = components['schemas']['TemplateView'];
export type TestWebhookRequest = components['schemas']['TestWebhookRequest'];
export type TestWebhookResponse = components['schemas']['TestWebhookResponse'];
export type TransitionExportEntry = components['schemas']['TransitionExportEntry'];
export type UnsubscribeOptions = components['schemas']['UnsubscribeOptions'];
export type UpdateAgentRequest = components['schemas']['UpdateAgentRequest'];
export type UpdateContactRequest = components['schemas']['UpdateContactRequest'];
export type UpdateMessageRequest = components['schemas']['UpdateMessageRequest'];
export type UpdateMessageResultView = components['schemas']['UpdateMessageResultView'];
export type UpdateTemplateRequest = components['schemas']['UpdateTemplateRequest'];
export type UpdateWebhookRequest = components['schemas']['UpdateWebhookRequest'];
export type UpsertEngagementRequest = components['schemas']['UpsertEngagementRequest'];
export type UserExport = components['schemas']['UserExport'];
export type UserExportUser = components['schemas']['UserExportUser'];
export type ValidateTemplateRequest = components['schemas']['ValidateTemplateRequest'];
export type ValidateTemplateResponse = components['schemas']['ValidateTemplateResponse'];
export type ValidationErrorDetails = components['schemas']['ValidationErrorDetails'];
export type VerifyDomainView = components['schemas']['VerifyDomainView'];
export type WebhookDeliveryView = components['schemas']['WebhookDeliveryView'];
export type WebhookEndpointMetricsView = components['schemas']['WebhookEndpointMetricsView'];
export type WebhookExportEntry = components['schemas']['WebhookExportEntry'];
export type WebhookFiltersRequest = components['schemas']['WebhookFiltersRequest'];
export type WebhookFiltersView = components['schemas']['WebhookFiltersView'];
export type WebhookMetricsView = components['schemas']['WebhookMetricsView'];
export type WebhookView = components['schemas']['WebhookView'];
export type $defs = Record<string, never>;
export interface operations {
    getInfo: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeploymentInfoView"];
                };
            };
        };
    };
    getAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountView"];
                };
            };
        };
    };
    deleteAccount: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteUserDataResult"];
                };
            };
        };
    };
    listApiKeys: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageAPIKeyView"];
                };
            };
        };
    };
    createApiKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateAPIKeyRequest"];
            };
        };
        responses: {
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreateAPIKeyResponse"];
                };
            };
        };
    };
    deleteApiKey: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteApiKeyResult"];
                };
            };
        };
    };
    listConnections: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageConnectionView"];
                };
            };
        };
    };
    deleteConnection: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteConnectionResult"];
                };
            };
        };
    };
    exportAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserExport"];
                };
            };
        };
    };
    listAgents: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
                deleted?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageAgentView"];
                };
            };
        };
    };
    createAgent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateAgentRequest"];
            };
        };
        responses: {
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentView"];
                };
            };
        };
    };
    getAgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentView"];
                };
            };
        };
    };
    deleteAgent: {
        parameters: {
            query: {
                confirm: "DELETE";
                permanent?: boolean;
            };
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteAgentResult"];
                };
            };
        };
    };
    updateAgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateAgentRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentView"];
                };
            };
        };
    };
    restoreAgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentView"];
                };
            };
        };
    };
    getAgentProtection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProtectionConfigView"];
                };
            };
        };
    };
    putAgentProtection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProtectionConfigRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProtectionConfigView"];
                };
            };
        };
    };
    listMessages: {
        parameters: {
            query?: {
                /** @description inbound, or all in the trash, where nothing is said */
                direction?: "all" | "inbound" | "outbound";
                /** @description unread for inbound messages where nothing is said */
                read_status?: "all" | "read" | "unread";
                sort?: "asc" | "desc";
                /** @description part of the sender's address, any case */
                from?: string;
                /** @description part of the subject, any case */
                subject_contains?: string;
                /** @description of this conversation alone */
                conversation_id?: string;
                /** @description with all of these labels, separated by commas */
                labels?: string;
                /** @description created at this RFC 3339 time or later */
                since?: string;
                /** @description created before this RFC 3339 time */
                until?: string;
                /** @description an expression such as label:urgent -from:noreply, at most 500 characters */
                filter?: string;
                /** @description words in subject, sender, text and names of attachments, such as invoice "due soon" -draft from:ada OR subject:offer has:attachment; at most 500 characters */
                search?: string;
                /** @description the trash instead */
                deleted?: boolean;
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageMessageSummaryView"];
                };
            };
        };
    };
    sendMessage: {
        parameters: {
            query?: {
                /** @description sent: answer once the mail has left or failed, 15 seconds at most */
                wait?: string;
            };
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SendEmailRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
            /** @description accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
        };
    };
    getMessage: {
        parameters: {
            query?: {
                /** @description false leaves an unread message unread */
                mark_read?: boolean;
                /** @description model: as text that a language model can read safely */
                view?: "model";
                /** @description of view=model: so many characters of the mail at once */
                max_chars?: number;
                /** @description of view=model: the next_offset of the part before */
                offset?: number;
            };
            header?: never;
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageView"] | components["schemas"]["ModelView"];
                };
            };
        };
    };
    deleteMessage: {
        parameters: {
            query?: {
                /** @description delete a trashed message for good */
                permanent?: boolean;
                /** @description DELETE, where permanent is true */
                confirm?: string;
            };
            header?: never;
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteMessageResult"];
                };
            };
        };
    };
    updateMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateMessageRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UpdateMessageResultView"];
                };
            };
        };
    };
    getRawMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "message/rfc822": string;
                };
            };
        };
    };
    restoreMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageView"];
                };
            };
        };
    };
    getAttachment: {
        parameters: {
            query?: {
                /** @description the bytes as base64 in the answer, up to 262144 of them */
                inline?: boolean;
            };
            header?: never;
            path: {
                email: string;
                id: string;
                index: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttachmentView"];
                };
            };
        };
    };
    getMessageLifecycle: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageMessageLifecycleTransition"];
                };
            };
        };
    };
    resolveMessage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResolveMessageRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResolveMessageResult"];
                };
            };
        };
    };
    replyToMessage: {
        parameters: {
            query?: {
                /** @description sent: answer once the mail has left or failed, 15 seconds at most */
                wait?: string;
            };
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReplyRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
            /** @description accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
        };
    };
    forwardMessage: {
        parameters: {
            query?: {
                /** @description sent: answer once the mail has left or failed, 15 seconds at most */
                wait?: string;
            };
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ForwardRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
            /** @description accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
        };
    };
    testAgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
            /** @description accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
        };
    };
    listSuppressions: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageSuppressionView"];
                };
            };
        };
    };
    deleteSuppression: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path: {
                address: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteSuppressionResult"];
                };
            };
        };
    };
    listAgentSuppressions: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageAgentSuppressionView"];
                };
            };
        };
    };
    createAgentSuppression: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateAgentSuppressionRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentSuppressionView"];
                };
            };
        };
    };
    deleteAgentSuppression: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path: {
                email: string;
                address: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteSuppressionResult"];
                };
            };
        };
    };
    listConversations: {
        parameters: {
            query?: {
                /** @description newest message at this RFC 3339 time or later */
                since?: string;
                /** @description newest message before this RFC 3339 time */
                until?: string;
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageConversationSummaryView"];
                };
            };
        };
    };
    getConversation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConversationDetailView"];
                };
            };
        };
    };
    listContacts: {
        parameters: {
            query?: {
                source?: "import" | "inbound" | "manual";
                /** @description what one import made */
                import_batch_id?: string;
                /** @description RFC 3339 */
                created_after?: string;
                /** @description RFC 3339 */
                created_before?: string;
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageContactView"];
                };
            };
        };
    };
    createContact: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateContactRequest"];
            };
        };
        responses: {
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactView"];
                };
            };
        };
    };
    getContact: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                address: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactView"];
                };
            };
        };
    };
    deleteContact: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path: {
                address: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteContactResult"];
                };
            };
        };
    };
    updateContact: {
        parameters: {
            query?: never;
            header?: {
                /** @description an ETag that was read, or * for any: what has changed since then is left alone */
                "If-Match"?: string;
            };
            path: {
                address: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateContactRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactView"];
                };
            };
        };
    };
    importContacts: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ImportContactsRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactImportResult"];
                };
            };
        };
    };
    deleteImportBatch: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path: {
                batch_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteImportBatchResult"];
                };
            };
        };
    };
    listEngagements: {
        parameters: {
            query?: {
                /** @description exactly this one */
                stage?: string;
                replied?: "false" | "true";
                suppressed?: "false" | "true";
                /** @description due by then */
                next_action_before?: string;
                /** @description not written to since then, or never */
                last_outbound_before?: string;
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageContactEngagementView"];
                };
            };
        };
    };
    getEngagement: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                email: string;
                address: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactEngagementView"];
                };
            };
        };
    };
    upsertEngagement: {
        parameters: {
            query?: never;
            header?: {
                /** @description an ETag that was read, or * for any: what has changed since then is left alone */
                "If-Match"?: string;
            };
            path: {
                email: string;
                address: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpsertEngagementRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactEngagementView"];
                };
            };
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactEngagementView"];
                };
            };
        };
    };
    deleteEngagement: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path: {
                email: string;
                address: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteEngagementResult"];
                };
            };
        };
    };
    listReviews: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageReviewView"];
                };
            };
        };
    };
    getReview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageView"];
                };
            };
        };
    };
    editReview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApproveRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EditResultView"];
                };
            };
        };
    };
    approveReview: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApproveRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
            /** @description accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SendResultView"];
                };
            };
        };
    };
    rejectReview: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RejectRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RejectResultView"];
                };
            };
        };
    };
    listDomains: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageDomainView"];
                };
            };
        };
    };
    registerDomain: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegisterDomainRequest"];
            };
        };
        responses: {
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DomainView"];
                };
            };
        };
    };
    getDomain: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                domain: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DomainView"];
                };
            };
        };
    };
    deleteDomain: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path: {
                domain: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteDomainResult"];
                };
            };
        };
    };
    verifyDomain: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                domain: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VerifyDomainView"];
                };
            };
        };
    };
    rotateDomainKeys: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                domain: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DomainView"];
                };
            };
        };
    };
    listTemplates: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageTemplateSummaryView"];
                };
            };
        };
    };
    createTemplate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateTemplateRequest"];
            };
        };
        responses: {
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TemplateView"];
                };
            };
        };
    };
    validateTemplate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ValidateTemplateRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ValidateTemplateResponse"];
                };
            };
        };
    };
    getTemplate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TemplateView"];
                };
            };
        };
    };
    deleteTemplate: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteTemplateResult"];
                };
            };
        };
    };
    updateTemplate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateTemplateRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TemplateView"];
                };
            };
        };
    };
    listStarterTemplates: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageStarterTemplateView"];
                };
            };
        };
    };
    getStarterTemplate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alias: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StarterTemplateDetailView"];
                };
            };
        };
    };
    listWebhooks: {
        parameters: {
            query?: {
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageWebhookView"];
                };
            };
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateWebhookRequest"];
            };
        };
        responses: {
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreateWebhookResponse"];
                };
            };
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookView"];
                };
            };
        };
    };
    deleteWebhook: {
        parameters: {
            query: {
                confirm: "DELETE";
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeleteWebhookResult"];
                };
            };
        };
    };
    updateWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateWebhookRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookView"];
                };
            };
        };
    };
    rotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description the same key with the same request has the effect once */
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RotateSecretResponse"];
                };
            };
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TestWebhookRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestWebhookResponse"];
                };
            };
        };
    };
    listWebhookDeliveries: {
        parameters: {
            query?: {
                status?: "delivered" | "failed" | "pending";
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageWebhookDeliveryView"];
                };
            };
        };
    };
    getAgentMetrics: {
        parameters: {
            query?: {
                /** @description messages created at this time or later; 30 days before end */
                start?: string;
                /** @description messages created before this time; now */
                end?: string;
            };
            header?: never;
            path: {
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentMetricsView"];
                };
            };
        };
    };
    getAccountMetrics: {
        parameters: {
            query?: {
                /** @description messages created at this time or later; 30 days before end */
                start?: string;
                /** @description messages created before this time; now */
                end?: string;
                /** @description each UTC day besides */
                bucket?: "day";
                /** @description each agent besides, up to 200 */
                group_by?: "agent";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountMetricsView"];
                };
            };
        };
    };
    listEvents: {
        parameters: {
            query?: {
                type?: string;
                agent_email?: string;
                conversation_id?: string;
                message_id?: string;
                /** @description RFC 3339 */
                since?: string;
                /** @description RFC 3339 */
                until?: string;
                /** @description where the list goes on: next_cursor of the page before */
                cursor?: string;
                /** @description rows of a page */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageEventView"];
                };
            };
        };
    };
    getEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventView"];
                };
            };
        };
    };
    redeliverEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RedeliverEventRequest"];
            };
        };
        responses: {
            /** @description accepted */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RedeliverView"];
                };
            };
        };
    };
}
