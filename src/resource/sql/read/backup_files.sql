-- The files of a folder, as the account that SQL Server runs as sees them. Versions before 2017 tell no lengths.
IF CONVERT(int, SERVERPROPERTY('ProductMajorVersion')) >= 14
    EXEC sys.sp_executesql
        N'SELECT file_or_directory_name, size_in_bytes FROM sys.dm_os_enumerate_filesystem(@folder, N''*'') WHERE is_directory = 0',
        N'@folder nvarchar(260)',
        @folder = @folder
ELSE
    EXEC master.sys.xp_dirtree @folder, 1, 1
