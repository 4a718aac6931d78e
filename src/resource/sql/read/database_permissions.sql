-- What is granted or denied on what. Objects with negative numbers are SQL Server's own.
SELECT
    class_desc,
    major_id,
    OBJECT_SCHEMA_NAME(major_id) AS object_schema,
    OBJECT_NAME(major_id) AS object_name,
    minor_id,
    grantee_principal_id,
    permission_name,
    state_desc
FROM sys.database_permissions
WHERE major_id >= 0
