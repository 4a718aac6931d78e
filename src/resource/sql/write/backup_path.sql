-- Where the key goes: a name of its own for each state of each key, so that nothing is ever overwritten.
SELECT @prefix
    + CONVERT(nvarchar(36), key_guid)
    + N'-'
    + REPLACE(REPLACE(REPLACE(CONVERT(nvarchar(23), modify_date, 121), N'-', N''), N':', N''), N' ', N'T')
    + @suffix AS path
FROM sys.symmetric_keys
WHERE name = N'##MS_DatabaseMasterKey##'
