-- DropIndex
DROP INDEX "limit_counters_locked_until_idx";

-- DropIndex
DROP INDEX "audit_events_actor_id_occurred_at_idx";

-- DropIndex
DROP INDEX "audit_events_subject_id_occurred_at_idx";

-- DropIndex
DROP INDEX "audit_events_client_id_occurred_at_idx";

-- DropIndex
DROP INDEX "artifacts_user_code_hash_key";

-- DropIndex
DROP INDEX "artifacts_grant_id_idx";

-- DropIndex
DROP INDEX "artifacts_account_id_idx";

-- DropIndex
DROP INDEX "artifacts_client_id_idx";

-- DropIndex
DROP INDEX "artifacts_successor_until_idx";

-- CreateIndex
CREATE INDEX "limit_counters_locked_until_idx" ON "limit_counters"("locked_until") WHERE "locked_until" IS NOT NULL;

-- CreateIndex
CREATE INDEX "audit_events_actor_id_occurred_at_idx" ON "audit_events"("actor_id", "occurred_at") WHERE "actor_id" IS NOT NULL;

-- CreateIndex
CREATE INDEX "audit_events_subject_id_occurred_at_idx" ON "audit_events"("subject_id", "occurred_at") WHERE "subject_id" IS NOT NULL;

-- CreateIndex
CREATE INDEX "audit_events_client_id_occurred_at_idx" ON "audit_events"("client_id", "occurred_at") WHERE "client_id" IS NOT NULL;

-- CreateIndex
CREATE INDEX "artifacts_grant_id_idx" ON "artifacts"("grant_id") WHERE "grant_id" IS NOT NULL;

-- CreateIndex
CREATE INDEX "artifacts_account_id_idx" ON "artifacts"("account_id") WHERE "account_id" IS NOT NULL AND "grant_id" IS NULL;

-- CreateIndex
CREATE INDEX "artifacts_client_id_idx" ON "artifacts"("client_id") WHERE "client_id" IS NOT NULL AND "grant_id" IS NULL;

-- CreateIndex
CREATE INDEX "artifacts_successor_until_idx" ON "artifacts"("successor_until") WHERE "successor_until" IS NOT NULL;

-- CreateIndex
CREATE UNIQUE INDEX "artifacts_user_code_hash_key" ON "artifacts"("user_code_hash") WHERE "user_code_hash" IS NOT NULL;
