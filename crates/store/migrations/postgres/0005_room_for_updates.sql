-- Rows of these tables are changed with every report. Pages that keep room for the new version of each row let it stay
-- on its page, where no index has to be told and the next change clears the old version away.
ALTER TABLE usage_days SET (fillfactor = 40);
ALTER TABLE usage_totals SET (fillfactor = 40);
ALTER TABLE usage_repo_totals SET (fillfactor = 40);
