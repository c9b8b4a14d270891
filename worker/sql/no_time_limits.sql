-- Lets the statements of this transaction take as long as they need. Not every version of Postgres has
-- every setting.
SELECT set_config(name, '0', true)
FROM pg_settings
WHERE name IN ('statement_timeout', 'transaction_timeout', 'lock_timeout')
