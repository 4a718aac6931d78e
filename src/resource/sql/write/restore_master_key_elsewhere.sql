USE {scratch};
RESTORE MASTER KEY FROM FILE = {path} DECRYPTION BY PASSWORD = {password} ENCRYPTION BY PASSWORD = {password};
USE {database}
