-- CreateIndex
CREATE INDEX "clients_first_party_created_at_id_idx" ON "clients"("first_party", "created_at", "id");

-- CreateIndex
CREATE INDEX "clients_source_id_idx" ON "clients"("source", "id");
