-- AlterTable
ALTER TABLE "audit_events" ADD COLUMN     "link" TEXT,
ADD COLUMN     "mac" TEXT,
ADD COLUMN     "sequence" BIGINT;

-- CreateTable
CREATE TABLE "audit_checkpoints" (
    "name" TEXT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "link" TEXT NOT NULL,
    "made_at" TIMESTAMP(3) NOT NULL,
    "faults" INTEGER NOT NULL DEFAULT 0,
    "unmarked" BIGINT NOT NULL DEFAULT 0,
    "mac" TEXT NOT NULL,

    CONSTRAINT "audit_checkpoints_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "webhook_endpoints" (
    "id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "events" TEXT NOT NULL,
    "description" TEXT,
    "secret" TEXT NOT NULL,
    "previous_secret" TEXT,
    "previous_secret_expires_at" TIMESTAMP(3),
    "disabled_at" TIMESTAMP(3),
    "created_at" TIMESTAMP(3) NOT NULL,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "webhook_endpoints_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "explanations" (
    "id" TEXT NOT NULL,
    "client_id" TEXT,
    "payload" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL,
    "expires_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "explanations_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "explanations_client_id_created_at_idx" ON "explanations"("client_id", "created_at");

-- CreateIndex
CREATE INDEX "explanations_created_at_idx" ON "explanations"("created_at");

-- CreateIndex
CREATE INDEX "explanations_expires_at_idx" ON "explanations"("expires_at");

-- CreateIndex
CREATE INDEX "audit_events_sequence_occurred_at_idx" ON "audit_events"("sequence", "occurred_at");

-- CreateIndex
CREATE INDEX "audit_events_actor_id_occurred_at_idx" ON "audit_events"("actor_id", "occurred_at");

-- CreateIndex
CREATE INDEX "outbox_messages_topic_recipient_next_attempt_at_idx" ON "outbox_messages"("topic", "recipient", "next_attempt_at");
