"""MySQL and MariaDB, by pymysql, with statements that the server prepares."""
