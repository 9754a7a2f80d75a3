-- Where notifications are sent. target, rules and messages are JSON, as the domain writes it; secret is the sealed
-- address and secret. due_at is when the next message is to be sent, or when a process that is sending must have
-- finished (leased_until); NULL if there is nothing to send. claims numbers the times that a process took it over.
-- conditions counts the rows of the next table. A deleted channel stays until its rows elsewhere have been removed.
CREATE TABLE notification_channels (
    id           TEXT    NOT NULL PRIMARY KEY,
    org_id       TEXT    NOT NULL,
    workspace_id TEXT,
    name         TEXT    NOT NULL,
    enabled      BOOLEAN NOT NULL,
    target       TEXT    NOT NULL,
    secret       TEXT,
    sealed_to    TEXT,
    rules        TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL,
    due_at       BIGINT,
    leased_until BIGINT,
    claims       BIGINT  NOT NULL,
    conditions   BIGINT  NOT NULL,
    deleted_at   BIGINT
) WITHOUT ROWID;
CREATE INDEX notification_channels_of_org ON notification_channels (org_id, id) WHERE deleted_at IS NULL;
CREATE INDEX notification_channels_due ON notification_channels (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notification_channels_sealed ON notification_channels (id) WHERE sealed_to IS NOT NULL;
CREATE INDEX notification_channels_deleted ON notification_channels (id) WHERE deleted_at IS NOT NULL;

-- The conditions that a channel was notified about and that haven't been reported as resolved. item is JSON, or
-- empty where so many conditions began together that a message doesn't describe all. cleared_at is when the
-- condition was first not found any more.
CREATE TABLE notification_conditions (
    channel_id TEXT   NOT NULL,
    condition  TEXT   NOT NULL,
    code       TEXT   NOT NULL,
    item       TEXT   NOT NULL,
    alerted_at BIGINT NOT NULL,
    cleared_at BIGINT,
    PRIMARY KEY (channel_id, condition)
) WITHOUT ROWID;

-- Messages, until they are pruned. next_at is the time of the next attempt, NULL once the message was delivered or
-- given up. Of those that wait, the one with the lowest rank and id is next: 0 is a test, 1 is usual, 2 is a message
-- that its receiver refuses, for which the others don't wait.
CREATE TABLE notifications (
    id          TEXT    NOT NULL PRIMARY KEY,
    channel_id  TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    state       TEXT    NOT NULL,
    rank        BIGINT  NOT NULL,
    next_at     BIGINT,
    attempts    BIGINT  NOT NULL,
    status      BIGINT,
    error       TEXT,
    tried_at    BIGINT
) WITHOUT ROWID;
CREATE INDEX notifications_of_channel ON notifications (channel_id, id);
CREATE INDEX notifications_waiting ON notifications (channel_id, rank, id) WHERE next_at IS NOT NULL;
CREATE INDEX notifications_finished ON notifications (created_at) WHERE next_at IS NULL;

-- Times in which channels aren't notified. window is a part of each day.
CREATE TABLE notification_silences (
    id           TEXT   NOT NULL PRIMARY KEY,
    org_id       TEXT   NOT NULL,
    workspace_id TEXT,
    channel_id   TEXT,
    code         TEXT,
    bucket_id    TEXT,
    starts_at    BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL,
    daily_window TEXT,
    comment      TEXT   NOT NULL,
    created_by   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX notification_silences_of_org ON notification_silences (org_id, id);
CREATE INDEX notification_silences_by_end ON notification_silences (ends_at);

-- Which process looks for conditions that begin and end, until when.
CREATE TABLE notification_watch (
    id     BIGINT NOT NULL PRIMARY KEY,
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL
) WITHOUT ROWID;
