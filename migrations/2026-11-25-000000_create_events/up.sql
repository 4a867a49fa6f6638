CREATE TABLE events (
    id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    transaction_id bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    account_id uuid NOT NULL REFERENCES accounts,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]+\.[a-z_]+$'),
    credential_id uuid,
    oauth_app_id uuid,
    data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    created_at timestamptz NOT NULL,
    CHECK (credential_id IS NOT NULL OR oauth_app_id IS NOT NULL)
);
COMMENT ON TABLE events IS 'What happened to credentials and OAuth apps: the API''s events, the timelines, and what webhooks carry. Never holds a secret.';
COMMENT ON COLUMN events.position IS 'The order. A reader goes on where it stopped.';
COMMENT ON COLUMN events.transaction_id IS 'Tells which events a reader may not have seen yet: those of transactions that still run.';
CREATE INDEX events_account_id ON events (account_id, position);
CREATE INDEX events_credential_id ON events (credential_id, position);
CREATE INDEX events_created_at ON events (created_at);

CREATE TABLE webhook_endpoints (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    description text CHECK (length(description) BETWEEN 1 AND 200),
    event_kinds text[] CHECK (cardinality(event_kinds) > 0),
    sealed_secret bytea NOT NULL,
    sealed_previous_secret bytea,
    previous_secret_expires_at timestamptz,
    disabled_at timestamptz,
    disabled_reason text CHECK (disabled_reason IN ('by_hand', 'gone')),
    revision bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK ((sealed_previous_secret IS NULL) = (previous_secret_expires_at IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
COMMENT ON TABLE webhook_endpoints IS 'Where an account hears of its events.';
COMMENT ON COLUMN webhook_endpoints.event_kinds IS 'Null: all but credential.refreshed.';
COMMENT ON COLUMN webhook_endpoints.sealed_previous_secret IS 'Signs too, until it expires: the overlap of a rotation. Moved here as it is, so it opens in the place of `sealed_secret`.';
COMMENT ON COLUMN webhook_endpoints.disabled_reason IS '''gone'': it answered 410.';
CREATE INDEX webhook_endpoints_account_id ON webhook_endpoints (account_id, id);

CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid NOT NULL REFERENCES accounts,
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
    event_id uuid NOT NULL REFERENCES events ON DELETE CASCADE,
    position bigint NOT NULL,
    subject_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts int NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    first_attempt_at timestamptz,
    last_attempt_at timestamptz,
    last_status int,
    last_error text,
    lease_id uuid,
    leased_until timestamptz,
    delivered_at timestamptz,
    created_at timestamptz NOT NULL,
    UNIQUE (endpoint_id, event_id),
    CHECK ((lease_id IS NULL) = (leased_until IS NULL)),
    CHECK ((state = 'delivered') = (delivered_at IS NOT NULL))
);
COMMENT ON TABLE webhook_deliveries IS 'One event on its way to one endpoint.';
COMMENT ON COLUMN webhook_deliveries.position IS 'Of the event: deliveries of one subject go out in this order.';
COMMENT ON COLUMN webhook_deliveries.subject_id IS 'The credential, or else the OAuth app, that the event is about.';
COMMENT ON COLUMN webhook_deliveries.next_attempt_at IS 'While it is leased: the end of the lease. While an earlier one of the subject is pending: when to look again.';
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (endpoint_id) WHERE lease_id IS NOT NULL;
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (endpoint_id, subject_id, position) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_account_id ON webhook_deliveries (account_id, state, endpoint_id);
CREATE INDEX webhook_deliveries_endpoint_id ON webhook_deliveries (endpoint_id, position DESC);
CREATE INDEX webhook_deliveries_event_id ON webhook_deliveries (event_id);

-- An event without its deliveries cannot exist, whoever writes it: the outbox is filled in the
-- transaction of the change itself.
CREATE FUNCTION fan_out_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_deliveries (account_id, endpoint_id, event_id, position, subject_id, next_attempt_at, created_at)
    SELECT NEW.account_id, w.id, NEW.id, NEW.position, coalesce(NEW.credential_id, NEW.oauth_app_id), NEW.created_at, NEW.created_at
    FROM webhook_endpoints w
    WHERE w.account_id = NEW.account_id
      AND w.disabled_at IS NULL
      AND CASE WHEN w.event_kinds IS NULL THEN NEW.kind <> 'credential.refreshed' ELSE NEW.kind = ANY (w.event_kinds) END;
    IF FOUND THEN
        PERFORM pg_notify('keyway_webhooks', '');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER events_fan_out AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION fan_out_event();
