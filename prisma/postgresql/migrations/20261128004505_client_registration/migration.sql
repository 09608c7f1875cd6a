-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "last_used_at" TIMESTAMP(3),
ADD COLUMN     "management_token_hash" TEXT,
ADD COLUMN     "unused_until" TIMESTAMP(3);

-- CreateTable
CREATE TABLE "initial_access_tokens" (
    "id" TEXT NOT NULL,
    "token_hash" TEXT NOT NULL,
    "note" TEXT,
    "uses_left" INTEGER,
    "used" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMP(3) NOT NULL,
    "expires_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "initial_access_tokens_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "initial_access_tokens_token_hash_key" ON "initial_access_tokens"("token_hash");

-- CreateIndex
CREATE INDEX "initial_access_tokens_expires_at_idx" ON "initial_access_tokens"("expires_at");

-- CreateIndex
CREATE INDEX "clients_unused_until_idx" ON "clients"("unused_until");
