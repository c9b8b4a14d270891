-- Ends the connections on which workers commit. A worker that was stopped in the middle of a commit
-- cannot finish it when it continues, and by then its session has ended.
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE application_name = 'worker' AND usename = current_user AND datname = current_database()
