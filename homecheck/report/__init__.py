"""Reports: pages, texts and JSON for people and programs, made from evidence and attestation result."""
