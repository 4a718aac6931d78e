-- The arguments that SQL Server starts with. Needs VIEW SERVER STATE.
SELECT
    registry_key,
    value_name,
    CONVERT(nvarchar(4000), value_data) AS value_data
FROM sys.dm_server_registry
WHERE value_name LIKE N'SQLArg%'
