SELECT
    name,
    principal_id,
    type,
    sid,
    default_schema_name,
    owning_principal_id
FROM sys.database_principals
