"""Oracle Database, by oracledb in its thin mode."""
