USE {scratch};
IF DB_NAME() = {scratch_name}
    RESTORE MASTER KEY FROM FILE = {path} DECRYPTION BY PASSWORD = {password} ENCRYPTION BY PASSWORD = {password};
USE {database}
