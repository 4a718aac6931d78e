SELECT
    name,
    principal_id,
    sid,
    type,
    is_disabled,
    default_database_name
FROM sys.server_principals
