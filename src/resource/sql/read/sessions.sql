SELECT
    session_id,
    database_id,
    login_name,
    host_name,
    program_name
FROM sys.dm_exec_sessions
WHERE is_user_process = 1
    AND session_id <> @@SPID
