SELECT
    name,
    schema_id,
    principal_id
FROM sys.schemas
