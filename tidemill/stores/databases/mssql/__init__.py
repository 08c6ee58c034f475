"""Microsoft SQL Server and Azure SQL, by pytds, with types of our own on its wire."""
